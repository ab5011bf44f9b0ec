package vips

import (
	"bytes"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

const (
	xmpHead = "http://ns.adobe.com/xap/1.0/\x00"
	xmpText = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" ` +
		`xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Make="CameraMaker">` +
		`<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) Ann of XMP</rdf:li></rdf:Alt></dc:rights>` +
		`<dc:description><rdf:Alt><rdf:li xml:lang="x-default">SecretWords</rdf:li></rdf:Alt></dc:description>` +
		`</rdf:Description></rdf:RDF></x:xmpmeta>`
)

func dataset(record, tag byte, text string) []byte {
	return append([]byte{0x1c, record, tag, 0, byte(len(text))}, text...)
}

func iptcBlock() []byte {
	data := bytes.Join([][]byte{dataset(2, 116, "(c) Ann of IPTC"), dataset(2, 120, "SecretCaption"),
		dataset(2, 80, "Ann")}, nil)
	b := append([]byte("Photoshop 3.0\x00"), "8BIM\x04\x04\x00\x00\x00\x00\x00"...)
	b = append(b, byte(len(data)))
	b = append(b, data...)
	if len(data)%2 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestCopyrightIsKept(t *testing.T) {
	b := picturetest.JPEG(picturetest.Stored(picturetest.Chart(320, 240), 6), 90)
	b = picturetest.WithSegment(b, 13, iptcBlock())
	b = picturetest.WithSegment(b, 1, []byte(xmpHead+xmpText))
	b = picturetest.WithEXIF(b, 6, "(c) Ann of EXIF")
	all := []string{"(c) Ann of EXIF", "(c) Ann of XMP", "(c) Ann of IPTC"}
	secrets := []string{"SecretWords", "SecretCaption", "CameraMaker"}
	for _, tc := range []struct {
		options  string
		has, not []string
	}{
		{"w:100", all, secrets},
		{"w:100/kcr:0", nil, append(all, secrets...)},
		{"w:100/sm:0", append(all, secrets...), nil},
		{"w:100/f:webp", all[:2], secrets},
		{"w:100/f:png", all[:2], secrets},
		{"w:100/f:avif", all[:2], secrets},
		{"w:100/kcr:0/f:webp", nil, append(all, secrets...)},
		{"w:100/f:gif", nil, secrets},
	} {
		pic := run(t, b, parse(t, tc.options))
		if pic.Format == transform.PNG { // which compresses its texts
			pic = run(t, pic.Body, parse(t, "sm:0/f:jpg"))
		}
		for _, s := range tc.has {
			if !bytes.Contains(pic.Body, []byte(s)) {
				t.Errorf("%s: %q is gone", tc.options, s)
			}
		}
		for _, s := range tc.not {
			if bytes.Contains(pic.Body, []byte(s)) {
				t.Errorf("%s: %q is still there", tc.options, s)
			}
		}
		if pic.Format == transform.JPEG || pic.Format == transform.WebP {
			upright(t, pixels(t, pic)) // a kept EXIF must not turn it again
		}
	}
	// Nothing is made up where nothing was.
	plain := picturetest.JPEG(picturetest.Chart(320, 240), 90)
	for _, f := range transform.Outputs {
		if pic := run(t, plain, transform.Params{Width: 100, Format: f}); bytes.Contains(pic.Body, []byte("Exif")) ||
			bytes.Contains(pic.Body, []byte("EXIF")) {
			t.Errorf("%v: an EXIF out of nothing", f)
		}
	}
}
