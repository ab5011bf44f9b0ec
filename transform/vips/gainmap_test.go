package vips

import (
	"bytes"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// withGainMap is a JPEG in the form of Ultra HDR: XMP and an index of images (CIPA DC-007) tell of a second
// JPEG, which follows the first.
func withGainMap(jpg []byte) []byte {
	const packet = `<x:xmpmeta xmlns:x="adobe:ns:meta/">` +
		`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" ` +
		`xmlns:Container="http://ns.google.com/photos/1.0/container/" ` +
		`xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
		`<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" ` +
		`Item:Mime="image/jpeg" Item:Length="600"/></rdf:li></rdf:Seq></Container:Directory>` +
		`<dc:rights>Ann</dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>`
	b := picturetest.WithSegment(jpg, 2, []byte("urn:iso:std:iso:ts:21496:-1\x00\x00\x00\x00\x00"))
	b = picturetest.WithSegment(b, 2, []byte("MPF\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00"))
	b = picturetest.WithSegment(b, 1, []byte(xmpHead+packet))
	return append(b, picturetest.JPEG(picturetest.Framed(32, 32, 0, color.Gray{128}), 80)...)
}

// A result is the SDR image, and nothing in it points to the gain map that it does not have. A source that is
// served in place of a result has all of it, or nothing that tells of it.
func TestGainMapIsDroppedWhole(t *testing.T) {
	plain := picturetest.JPEG(picturetest.Photo(64, 48, 1), 90)
	in := withGainMap(plain)
	traces := []string{"hdr-gain-map", "photos/1.0/container", "GainMap", "MPF\x00", "21496"}
	for _, f := range transform.Outputs {
		for _, options := range []string{"", "/sm:0", "/sm:0/w:20", "/kcr:0"} {
			p := parse(t, "q:90/f:"+f.Ext()+options)
			pic := run(t, in, p)
			body := pic.Body
			if f == transform.PNG { // whose XMP may be deflated
				body = run(t, pic.Body, parse(t, "f:jpg/sm:0")).Body
			}
			for _, trace := range traces {
				if bytes.Contains(body, []byte(trace)) {
					t.Errorf("%v%s: the result has %q", f, options, trace)
				}
			}
			holds := f != transform.GIF && f != transform.JXL // libvips writes none into these
			keeps := holds && options != "/kcr:0"
			deflated := f == transform.PNG || f == transform.ICO
			if !deflated && bytes.Contains(pic.Body, []byte("Ann")) != keeps {
				t.Errorf("%v%s: the result should say whose it is: %v", f, options, keeps)
			}
			if d := picturetest.Distance(pixels(t, pic), pixels(t, run(t, plain, p))); d != 0 {
				t.Errorf("%v%s: the image is %v from that without a gain map", f, options, d)
			}
		}
	}
	stripped, ok := container.Strip(in, sniffed(t, in), parse(t, "kcr:0"))
	if !ok || !bytes.Equal(stripped, plain) {
		t.Errorf("without metadata the source is not the plain JPEG: %v", ok)
	}
	if whole, ok := container.Strip(in, sniffed(t, in), parse(t, "sm:0")); !ok || !bytes.Equal(whole, in) {
		t.Errorf("with metadata the source is not as it was: %v", ok)
	}
}
