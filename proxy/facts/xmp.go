package facts

import (
	"bytes"
	"encoding/xml"
	"strings"
)

const rdfSpace = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

// What is read of an XMP packet at most: properties, items of a list, elements inside of each other, and characters of
// a text.
const maxProperties, maxItems, maxDepth, maxText = 500, 200, 32, 4 << 10

// xmpReader reads the properties of the Descriptions in a packet (XMP specification part 1, §7): text as text, lists as
// lists, of alternatives the first one. Structures are left out.
type xmpReader struct {
	d *xml.Decoder
	// prefixes are those that the packet gives namespaces.
	prefixes   map[string]string
	told       map[string]map[string]any
	properties int
}

// xmpFacts are the properties of a packet by prefix and name: what could be read before the first mistake.
func xmpFacts(packet []byte) map[string]map[string]any {
	if len(packet) == 0 {
		return nil
	}
	r := xmpReader{d: xml.NewDecoder(bytes.NewReader(packet)), prefixes: map[string]string{},
		told: map[string]map[string]any{}}
	depth := 0
	for {
		token, err := r.d.Token()
		if err != nil {
			return r.told
		}
		switch t := token.(type) {
		case xml.StartElement:
			r.learnPrefixes(t)
			if t.Name.Space == rdfSpace && t.Name.Local == "Description" {
				if r.readDescription(t) != nil {
					return r.told
				}
				continue
			}
			if depth++; depth > maxDepth {
				return r.told
			}
		case xml.EndElement:
			depth--
		}
	}
}

func (r *xmpReader) learnPrefixes(t xml.StartElement) {
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" && len(r.prefixes) < maxProperties {
			r.prefixes[a.Value] = a.Name.Local
		}
	}
}

// readDescription reads attributes and elements of a Description up to its end.
func (r *xmpReader) readDescription(t xml.StartElement) error {
	for _, a := range t.Attr {
		if a.Name.Space != rdfSpace && a.Name.Space != "xmlns" {
			r.tell(a.Name, limitedText(a.Value))
		}
	}
	for {
		token, err := r.d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			r.learnPrefixes(t)
			value, err := r.readProperty()
			if err != nil {
				return err
			}
			r.tell(t.Name, value)
		case xml.EndElement:
			return nil
		}
	}
}

func (r *xmpReader) tell(name xml.Name, value any) {
	prefix := r.prefixes[name.Space]
	if prefix == "" || value == nil || r.properties >= maxProperties {
		return
	}
	if r.told[prefix] == nil {
		r.told[prefix] = map[string]any{}
	}
	r.told[prefix][name.Local] = value
	r.properties++
}

// readProperty reads the value of an element up to its end: text, a list, or nil for a structure.
func (r *xmpReader) readProperty() (value any, err error) {
	var text strings.Builder
	for {
		token, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.CharData:
			if text.Len() < maxText {
				text.Write(t)
			}
		case xml.StartElement:
			if t.Name.Space != rdfSpace {
				err = r.d.Skip()
				break
			}
			var items []string
			if items, err = r.readItems(); len(items) > 0 {
				value = items
				if t.Name.Local == "Alt" {
					value = items[0]
				}
			}
		case xml.EndElement:
			if plain := limitedText(text.String()); value == nil && plain != "" {
				value = plain
			}
			return value, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// readItems reads the items of a list up to its end.
func (r *xmpReader) readItems() (items []string, err error) {
	for {
		token, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		switch token.(type) {
		case xml.StartElement:
			item, err := r.readText()
			if err != nil {
				return nil, err
			}
			if item != "" && len(items) < maxItems {
				items = append(items, item)
			}
		case xml.EndElement:
			return items, nil
		}
	}
}

// readText reads the text of an element up to its end. What is inside of elements is left out.
func (r *xmpReader) readText() (string, error) {
	var text strings.Builder
	for {
		token, err := r.d.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.CharData:
			if text.Len() < maxText {
				text.Write(t)
			}
		case xml.StartElement:
			if err := r.d.Skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return limitedText(text.String()), nil
		}
	}
}

// limitedText is a text without blanks around it, and without what is too much of it.
func limitedText(s string) string {
	s = strings.TrimSpace(s)
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "")
}
