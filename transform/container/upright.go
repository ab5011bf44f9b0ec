package container

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
)

// tiffOrientation is the property that repeats EXIF's orientation in XMP (XMP
// specification part 2, §3.1).
var tiffOrientation = xml.Name{Space: "http://ns.adobe.com/tiff/1.0/", Local: "Orientation"}

// UprightXMP is packet with an orientation of 1, which is upright. It is nil
// where packet says no other orientation or is not well-formed.
func UprightXMP(packet []byte) []byte {
	var out []byte
	kept := 0       // what lies before is in out
	inside := false // the element of that name
	d := xml.NewDecoder(bytes.NewReader(packet))
	upright := func(from, to int) {
		if value := bytes.TrimSpace(packet[from:to]); len(value) == 0 || string(value) == "1" {
			return
		}
		out = append(append(out, packet[kept:from]...), '1')
		kept = to
	}
	for {
		from := int(d.InputOffset())
		token, err := d.Token()
		if errors.Is(err, io.EOF) && out != nil {
			return append(out, packet[kept:]...)
		}
		if err != nil {
			return nil
		}
		switch t := token.(type) {
		case xml.StartElement:
			for i, a := range t.Attr {
				if a.Name == tiffOrientation {
					upright(attributeValue(packet, from, i))
				}
			}
			inside = t.Name == tiffOrientation
		case xml.EndElement:
			inside = false
		case xml.CharData:
			if inside {
				upright(from, int(d.InputOffset()))
			}
		}
	}
}

// attributeValue is where the value of the n-th attribute of a well-formed tag lies,
// without its quotes. The tag begins at from.
func attributeValue(b []byte, from, n int) (start, end int) {
	for at := from; ; n-- {
		at += bytes.IndexAny(b[at:], `"'`)
		length := bytes.IndexByte(b[at+1:], b[at])
		if n == 0 {
			return at + 1, at + 1 + length
		}
		at += length + 2
	}
}
