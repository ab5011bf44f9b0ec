package container

import (
	"bytes"
	"encoding/xml"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// ultraHDR is the packet of such a JPEG, as Android writes it, beside a creator.
const ultraHDR = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf + `">` +
	`<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:Container="http://ns.google.com/photos/1.0/container/"
  xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
  xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version = '1.0' dc:format="image/jpeg">
 <Container:Directory><rdf:Seq>
  <rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>
  <rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="9"/></rdf:li>
 </rdf:Seq></Container:Directory><dc:creator>Ann</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>`

func TestKeptXMPHasNoGainMap(t *testing.T) {
	const head = `<rdf:RDF xmlns:rdf="` + rdf + `">`
	const adobe = ` xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/"`
	const apple = ` xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"`
	for name, tc := range map[string]struct{ in, want string }{
		"Ultra HDR": {ultraHDR, `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf + `">` +
			`<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg">` + "\n " +
			`<dc:creator>Ann</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>`},
		"attributes": {head + `<rdf:Description` + adobe + ` a="1" h:Version="1.0" b='2'/></rdf:RDF>`,
			head + `<rdf:Description a="1" b='2'/></rdf:RDF>`},
		"an element": {head + `<rdf:Description` + apple + `>` +
			`<HDRGainMap:HDRGainMapVersion>65536</HDRGainMap:HDRGainMapVersion>x</rdf:Description></rdf:RDF>`, head + `<rdf:Description>x</rdf:Description></rdf:RDF>`},
		"a declaration alone": {head + `<a` + apple + `/></rdf:RDF>`, head + `<a/></rdf:RDF>`},
		"none":                {head + `<a b="1"/></rdf:RDF>`, ""},
		"not well-formed":     {head + `<a` + apple + `>`, emptyXMP},
		"nothing":             {"", ""},
	} {
		if got := string(KeptXMP([]byte(tc.in), transform.Info{GainMap: true}, false)); got != tc.want {
			t.Errorf("%s: %s\nwant %s", name, got, tc.want)
		}
		if got := KeptXMP([]byte(tc.in), transform.Info{}, false); got != nil {
			t.Errorf("%s, without a gain map: %s", name, got)
		}
	}
	turned := `<a xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="6"` + apple + `/>`
	want := `<a xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="1"/>`
	if got := string(KeptXMP([]byte(turned), transform.Info{GainMap: true}, true)); got != want {
		t.Errorf("turned: %s, want %s", got, want)
	}
}

// What is kept is well-formed and tells of no gain map.
func FuzzKeptXMP(f *testing.F) {
	f.Add([]byte(ultraHDR))
	f.Add([]byte(`<a xmlns:h="http://ns.apple.com/HDRGainMap/1.0/" h:b = "c"><h:d/>e</a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := KeptXMP(b, transform.Info{GainMap: true}, true)
		if kept == nil {
			return
		}
		for d := xml.NewDecoder(bytes.NewReader(kept)); ; {
			token, err := d.Token()
			if err != nil {
				if err.Error() != "EOF" {
					t.Fatalf("%q becomes %q: %v", b, kept, err)
				}
				return
			}
			if e, ok := token.(xml.StartElement); ok {
				spaces := []string{e.Name.Space}
				for _, a := range e.Attr {
					spaces = append(spaces, a.Name.Space)
				}
				for _, s := range spaces {
					if hasGainMap(b) && slices.Contains(gainMapSpaces, s) {
						t.Fatalf("%q becomes %q", b, kept)
					}
				}
			}
		}
	})
}

func TestSniffSeesGainMaps(t *testing.T) {
	jpeg := picturetest.JPEG(picturetest.Photo(16, 16, 1), 80)
	xmp := func(s string) []byte { return []byte(xmpPrefix + s) }
	for name, tc := range map[string]struct {
		b    []byte
		want bool
	}{
		"JPEG":                  {jpeg, false},
		"Ultra HDR":             {picturetest.WithSegment(jpeg, 1, xmp(ultraHDR)), true},
		"Apple":                 {picturetest.WithSegment(jpeg, 1, xmp(`<a xmlns:h="http://ns.apple.com/HDRGainMap/1.0/"/>`)), true},
		"ISO":                   {picturetest.WithSegment(jpeg, 2, []byte(gainMapPrefix+"\x00\x00\x00\x00")), true},
		"XMP of something else": {picturetest.WithSegment(jpeg, 1, xmp(rightsPacket)), false},
	} {
		if info, err := Sniff(tc.b); err != nil || info.GainMap != tc.want {
			t.Errorf("%s: %v, %v", name, info.GainMap, err)
		}
	}
}
