package transform

import (
	"fmt"
	"strings"
	"testing"
)

func TestUprightXMP(t *testing.T) {
	const head = `<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf + `" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">`
	const tail = `</rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
	for name, tc := range map[string]struct{ in, want string }{
		"attribute":         {`<rdf:Description a="6>" tiff:Orientation="6" b='7'/>`, `<rdf:Description a="6>" tiff:Orientation="1" b='7'/>`},
		"single quotes":     {`<rdf:Description tiff:Orientation = '8'>x</rdf:Description>`, `<rdf:Description tiff:Orientation = '1'>x</rdf:Description>`},
		"another prefix":    {`<rdf:Description xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="3"/>`, `<rdf:Description xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="1"/>`},
		"element":           {`<rdf:Description><tiff:Orientation>6</tiff:Orientation>6</rdf:Description>`, `<rdf:Description><tiff:Orientation>1</tiff:Orientation>6</rdf:Description>`},
		"spaces in it":      {`<tiff:Orientation> 6 </tiff:Orientation>`, `<tiff:Orientation>1</tiff:Orientation>`},
		"a reference":       {`<rdf:Description tiff:Orientation="&#54;"/>`, `<rdf:Description tiff:Orientation="1"/>`},
		"both":              {`<rdf:Description tiff:Orientation="6"/><tiff:Orientation>5</tiff:Orientation>`, `<rdf:Description tiff:Orientation="1"/><tiff:Orientation>1</tiff:Orientation>`},
		"upright":           {`<rdf:Description tiff:Orientation="1"/>`, ""},
		"none":              {`<rdf:Description tiff:Make="6"/>`, ""},
		"empty":             {`<tiff:Orientation/>`, ""},
		"another namespace": {`<rdf:Description xmlns:t="urn:x" t:Orientation="6" Orientation="6"/>`, ""},
		"not well-formed":   {`<rdf:Description tiff:Orientation="6">`, ""},
	} {
		want := ""
		if tc.want != "" {
			want = head + tc.want + tail
		}
		if got := string(UprightXMP([]byte(head + tc.in + tail))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func FuzzUprightXMP(f *testing.F) {
	f.Add([]byte(rightsPacket))
	f.Add([]byte(`<a xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="6"><t:Orientation>7</t:Orientation></a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := UprightXMP(b)
		if out != nil && (UprightXMP(out) != nil || len(out) > len(b)) {
			t.Fatalf("%q becomes %q, and that another", b, out)
		}
	})
}

// grid is an image of 2 by 3 pixels, each with a letter.
type grid []string

func (g grid) turned() (out grid) {
	for x := range g[0] {
		row := ""
		for y := range g {
			row = string(g[y][x]) + row
		}
		out = append(out, row)
	}
	return out
}

func (g grid) mirrored() (out grid) {
	for _, row := range g {
		back := ""
		for _, c := range row {
			back = string(c) + back
		}
		out = append(out, back)
	}
	return out
}

// uprightOf is what EXIF 2.32 §4.6.5 says of an orientation: which sides of the
// stored image the first row and the first column are.
func (g grid) uprightOf(orientation int) grid {
	turns := map[int]int{3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}[orientation]
	for range turns {
		g = g.turned()
	}
	if strings.ContainsRune("2457", rune('0'+orientation)) {
		g = g.mirrored()
	}
	return g
}

// A source is served as it is only where its pixels and what its EXIF says of
// them are both still true.
func TestChangesByOrientation(t *testing.T) {
	stored := grid{"ab", "cd", "ef"}
	for orientation := 1; orientation <= 8; orientation++ {
		for degrees := 0; degrees <= 360; degrees += 90 {
			for flips := range 4 {
				options := fmt.Sprintf("f:jpg/rot:%d/fl:%d:%d", degrees, flips&1, flips>>1)
				p, err := set(options)
				if err != nil {
					t.Fatal(err)
				}
				out := stored.uprightOf(orientation)
				for range degrees / 90 {
					out = out.turned()
				}
				if flips&1 != 0 {
					out = out.mirrored()
				}
				if flips&2 != 0 {
					out = out.turned().turned().mirrored()
				}
				info := Info{Format: JPEG, Width: 200, Height: 300, Orientation: orientation, Frames: 1, Bands: 3, Bits: 8}
				same := fmt.Sprint(out) == fmt.Sprint(stored)
				g := NewGeometry(info, p)
				if g.Turns() == same {
					t.Errorf("%d, %s: pixels move is %v", orientation, options, g.Turns())
				}
				if got, want := p.Changes(info, g), !same || orientation != 1; got != want {
					t.Errorf("%d, %s: a change is %v", orientation, options, got)
				}
			}
		}
	}
}
