package facts

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

const packet = `<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:Rating="4"><dc:creator><rdf:Seq><rdf:li>Ada</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Dunes &amp; sea</rdf:li></rdf:Alt></dc:title>
<dc:format>image/jpeg</dc:format><xmp:Other rdf:parseType="Resource"><xmp:a>1</xmp:a></xmp:Other>
</rdf:Description></rdf:RDF></x:xmpmeta>`

// photoshopBlock is a segment with these datasets, "number", "text", in turn.
func photoshopBlock(texts map[byte][]string) []byte {
	var record []byte
	for number, list := range texts {
		for _, text := range list {
			record = append(record, 0x1c, 2, number)
			record = append(binary.BigEndian.AppendUint16(record, uint16(len(text))), text...)
		}
	}
	b := append([]byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(b)-4:], uint32(len(record)))
	return append(b, record...)
}

func TestMetadata(t *testing.T) {
	jpg := picturetest.JPEG(picturetest.Chart(40, 30), 80)
	jpg = picturetest.WithSegment(jpg, 1, []byte("http://ns.adobe.com/xap/1.0/\x00"+packet))
	jpg = picturetest.WithSegment(jpg, 13, photoshopBlock(map[byte][]string{120: {"Caf\xe9"}, 25: {"a", "b"}}))
	jpg = picturetest.WithEXIF(jpg, 6, "Ada Lovelace")
	for _, tc := range []struct {
		asked signedurl.FactSet
		want  string
	}{
		{signedurl.FactEXIF, `{"exif":{"Copyright":"Ada Lovelace","Orientation":"6"}}`},
		{signedurl.FactIPTC, `{"iptc":{"Caption":"Café","Keywords":["a","b"]}}`},
		{signedurl.FactXMP, `{"xmp":{"dc":{"creator":["Ada","Bob"],"format":"image/jpeg","title":"Dunes & sea"},` +
			`"xmp":{"Rating":"4"}}}`},
	} {
		b, err := Tell(t.Context(), Source{Bytes: jpg, Info: transform.Info{Format: transform.JPEG}},
			signedurl.Facts{Asked: tc.asked})
		var got, want any
		if err != nil || json.Unmarshal(b, &got) != nil || json.Unmarshal([]byte(tc.want), &want) != nil ||
			!reflect.DeepEqual(got, want) {
			t.Errorf("%s, %v instead of %s", b, err, tc.want)
		}
	}
}

// However much a file says of itself, what is told has a bound.
func TestMetadataIsBounded(t *testing.T) {
	many := strings.Replace(packet, "<rdf:li>Ada</rdf:li>", strings.Repeat("<rdf:li>Ada</rdf:li>", 5000), 1)
	many = strings.Replace(many, "image/jpeg", strings.Repeat("x", 50000), 1)
	deep := strings.Repeat("<a>", 20000) + packet
	for _, p := range []string{many, deep, packet[:len(packet)/2], strings.Repeat("<", 1000), "\xff\xfe"} {
		if b, err := json.Marshal(xmpFacts([]byte(p))); err != nil || len(b) > 16<<10 {
			t.Errorf("%.40q: %d bytes, %v", p, len(b), err)
		}
	}
	if got := xmpFacts([]byte(many))["dc"]["creator"].([]string); len(got) != maxItems {
		t.Errorf("%d items", len(got))
	}
}

func FuzzMetadata(f *testing.F) {
	jpg := picturetest.JPEG(picturetest.Chart(8, 8), 80)
	f.Add(picturetest.WithEXIF(jpg, 3, "x"))
	f.Add(picturetest.WithSegment(jpg, 1, []byte("http://ns.adobe.com/xap/1.0/\x00"+packet)))
	f.Add(picturetest.WithSegment(jpg, 13, photoshopBlock(map[byte][]string{25: {"a"}})))
	f.Add(picturetest.PNG(picturetest.Chart(8, 8)))
	f.Add(picturetest.WebPWithEXIF([]byte("RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00"), 8, 8, 3, "x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range transform.Inputs {
			before := bytes.Clone(b)
			var m metadata
			m.read(Source{Bytes: b, Info: transform.Info{Format: format}}, signedurl.MetadataFacts)
			text, err := json.Marshal(m)
			if err != nil || len(text) > MetadataBytes || !bytes.Equal(before, b) {
				t.Fatalf("%d bytes, %v", len(text), err)
			}
		}
	})
}
