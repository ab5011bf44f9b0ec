package container

import "testing"

func TestUprightXMP(t *testing.T) {
	const head = `<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf +
		`" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">`
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
