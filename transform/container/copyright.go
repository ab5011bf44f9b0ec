package container

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"slices"
)

// What imgproxy's keep_copyright keeps, and PLUS, the licensors' own words.
var rightsProperties = map[string][]string{
	"http://purl.org/dc/elements/1.1/":      {"rights", "creator", "contributor", "publisher"},
	"http://ns.adobe.com/xap/1.0/rights/":   nil, // all of them
	"http://creativecommons.org/ns#":        nil,
	"http://ns.useplus.org/ldf/xmp/1.0/":    nil,
	"http://ns.adobe.com/photoshop/1.0/":    {"Credit"},
	"http://iptc.org/std/Iptc4xmpExt/2008/": nil,
}

const rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

// xmpPrefix stands before XMP in a JPEG (XMP specification part 3, §1.1.3).
const xmpPrefix = "http://ns.adobe.com/xap/1.0/\x00"

func isRights(n xml.Name) bool {
	names, ok := rightsProperties[n.Space]
	return ok && (names == nil || slices.Contains(names, n.Local))
}

// CopyrightXMP is an XMP packet with those properties of packet that say who
// made the image and whose it is; nil where there are none, or where packet
// is not well-formed.
func CopyrightXMP(packet []byte) []byte {
	f := xmpFilter{in: packet, d: xml.NewDecoder(bytes.NewReader(packet))}
	if err := f.filterPacket(); err != nil || f.out.Len() == 0 {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(`<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>` +
		`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf + `">`)
	b.Write(f.out.Bytes())
	b.WriteString(`</rdf:RDF></x:xmpmeta><?xpacket end="w"?>`)
	return b.Bytes()
}

// xmpFilter copies properties as they are written, each below a Description
// with the namespaces that were in scope where it stood.
type xmpFilter struct {
	in    []byte
	d     *xml.Decoder
	scope [][]xml.Attr // of each open element, its declarations
	out   bytes.Buffer
}

func (f *xmpFilter) filterPacket() error {
	for {
		from := f.d.InputOffset()
		token, err := f.d.Token()
		if err != nil {
			if len(f.scope) > 0 {
				return err
			}
			return nil // the end, after the last element
		}
		switch t := token.(type) {
		case xml.StartElement:
			if f.inDescription() && isRights(t.Name) {
				if err := f.d.Skip(); err != nil {
					return err
				}
				f.writeDescription(nil, f.in[from:f.d.InputOffset()])
				continue
			}
			f.openElement(t)
		case xml.EndElement:
			f.scope = f.scope[:len(f.scope)-1]
		}
	}
}

// description marks, among the declarations of an element, a Description.
var description = xml.Attr{Name: xml.Name{Space: rdf, Local: "Description"}}

func (f *xmpFilter) inDescription() bool {
	return len(f.scope) > 0 && slices.Contains(f.scope[len(f.scope)-1], description)
}

func (f *xmpFilter) openElement(t xml.StartElement) {
	var declared []xml.Attr
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" {
			declared = append(declared, a)
		}
	}
	if t.Name == description.Name {
		declared = append(declared, description)
	}
	f.scope = append(f.scope, declared)
	if t.Name != description.Name {
		return
	}
	for _, a := range t.Attr {
		if isRights(a.Name) {
			f.writeDescription(&a, nil)
		}
	}
}

// writeDescription writes a Description with one property, an attribute or an element.
func (f *xmpFilter) writeDescription(property *xml.Attr, element []byte) {
	prefixes := map[string]string{}
	var order []string
	for _, declared := range f.scope {
		for _, a := range declared {
			if a.Name.Space != "xmlns" || slices.Contains(gainMapSpaces, a.Value) {
				continue
			}
			if _, ok := prefixes[a.Name.Local]; !ok {
				order = append(order, a.Name.Local)
			}
			prefixes[a.Name.Local] = a.Value
		}
	}
	b := &f.out
	b.WriteString(`<rdf:Description`)
	for _, prefix := range order {
		if prefix != "rdf" {
			writeAttribute(b, "xmlns:"+prefix, prefixes[prefix])
		}
	}
	if prefixes["rdf"] != "" && prefixes["rdf"] != rdf {
		// The packet uses the prefix rdf for another namespace: no encoder does so.
		b.Reset()
		return
	}
	b.WriteString(` rdf:about=""`)
	if property != nil {
		for _, prefix := range order {
			if prefixes[prefix] == property.Name.Space {
				writeAttribute(b, prefix+":"+property.Name.Local, property.Value)
				break
			}
		}
	}
	b.WriteString(`>`)
	b.Write(element)
	b.WriteString(`</rdf:Description>`)
}

func writeAttribute(b *bytes.Buffer, name, value string) {
	b.WriteString(" " + name + `="`)
	_ = xml.EscapeText(b, []byte(value)) // writing to memory does not fail
	b.WriteString(`"`)
}

const photoshop = "Photoshop 3.0\x00"

// iptcMark begins a dataset of IPTC.
const iptcMark = 0x1c

// iptcResource is the IPTC record among Photoshop's image resources.
const iptcResource = 0x0404

// CopyrightIPTC is a Photoshop block (JPEG's APP13) with those IPTC datasets
// that say who made the image and whose it is: by-line (2:80), credit
// (2:110) and copyright notice (2:116), with their coded character set (1:90).
// The datasets of block lie in such a block, or stand alone. It is nil where there
// are none.
func CopyrightIPTC(block []byte) []byte {
	var kept []byte
	rights := false
	for record := range iptcDatasets(iptcOf(block)) {
		switch [2]byte{record[1], record[2]} {
		case [2]byte{2, 80}, [2]byte{2, 110}, [2]byte{2, 116}:
			rights = true
		case [2]byte{1, 90}:
		default:
			continue
		}
		kept = append(kept, record...)
	}
	if !rights {
		return nil
	}
	out := append([]byte(photoshop), "8BIM"...)
	out = binary.BigEndian.AppendUint16(out, iptcResource)
	out = append(out, 0, 0) // no name
	out = binary.BigEndian.AppendUint32(out, uint32(len(kept)))
	out = append(out, kept...)
	if len(kept)%2 != 0 {
		out = append(out, 0)
	}
	return out
}

// iptcOf finds the IPTC record in a block of image resources (Adobe Photoshop
// File Formats Specification, "Image Resource Blocks").
func iptcOf(block []byte) []byte {
	if len(block) > 0 && block[0] == iptcMark {
		return block // as a TIFF has it
	}
	b, ok := bytes.CutPrefix(block, []byte(photoshop))
	for ok && len(b) >= 12 && string(b[:4]) == "8BIM" {
		id := binary.BigEndian.Uint16(b[4:])
		name := (int(b[6]) + 2) / 2 * 2 // with its length, even
		if len(b) < 6+name+4 {
			return nil
		}
		size := int64(binary.BigEndian.Uint32(b[6+name:]))
		b = b[6+name+4:]
		if size > int64(len(b)) {
			return nil
		}
		if id == iptcResource {
			return b[:size]
		}
		b = b[min(size+size%2, int64(len(b))):]
	}
	return nil
}

// iptcDatasets are those of an IPTC record, whole (IIM 4.2 §1.6). It ends at the
// first that is broken or longer than a standard one.
func iptcDatasets(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) >= 5 && b[0] == iptcMark {
			size := int(binary.BigEndian.Uint16(b[3:]))
			if size >= 0x8000 || len(b) < 5+size || !yield(b[:5+size]) {
				return
			}
			b = b[5+size:]
		}
	}
}
