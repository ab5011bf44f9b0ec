package vips

import (
	"bytes"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestMetadataOfATIFF(t *testing.T) {
	iptc := bytes.Join([][]byte{dataset(2, 116, "(c) Ann of IPTC"), dataset(2, 120, "SecretCaption")}, nil)
	form := picturetest.TIFFForm{Kind: picturetest.TIFFRGB, Bits: 8}.With(picturetest.TIFFBytes(700, []byte(xmpText)),
		picturetest.TIFFBytes(33723, iptc), picturetest.TIFFBytes(270, []byte("SecretDescription\x00")))
	b := picturetest.TIFF(picturetest.Chart(64, 48), little, form)
	rights := []string{"(c) Ann of XMP", "(c) Ann of IPTC"}
	secrets := []string{"SecretWords", "SecretCaption", "SecretDescription"}
	for _, tc := range []struct {
		options  string
		has, not []string
	}{
		{"w:30/f:jpg", rights, secrets},
		{"w:30/f:jpg/kcr:0", nil, append(rights, secrets...)},
		{"w:30/f:jpg/sm:0", []string{rights[0], secrets[0]}, secrets[1:]},
		{"w:30/f:webp", rights[:1], secrets},
	} {
		pic := run(t, b, parse(t, tc.options))
		for _, text := range tc.has {
			if !bytes.Contains(pic.Body, []byte(text)) {
				t.Errorf("%s: %q is lost", tc.options, text)
			}
		}
		for _, text := range tc.not {
			if bytes.Contains(pic.Body, []byte(text)) {
				t.Errorf("%s: %q is kept", tc.options, text)
			}
		}
	}
}
