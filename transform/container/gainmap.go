package container

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// gainMapSpaces are the namespaces of XMP that tell of a gain map, or of images that follow the first one:
// Ultra HDR's (Android, "Ultra HDR Image Format") and Apple's.
var gainMapSpaces = []string{
	"http://ns.adobe.com/hdr-gain-map/1.0/",
	"http://ns.apple.com/HDRGainMap/1.0/",
	"http://ns.google.com/photos/1.0/container/",
	"http://ns.google.com/photos/1.0/container/item/",
}

// gainMapPrefix stands before the metadata of a gain map in a JPEG (ISO 21496-1 annex C).
const gainMapPrefix = "urn:iso:std:iso:ts:21496:-1\x00"

// isGainMapSegment says whether a segment of metadata in a JPEG tells of a gain map behind the image.
func isGainMapSegment(segment []byte) bool {
	packet, isXMP := bytes.CutPrefix(segment, []byte(xmpPrefix))
	return isXMP && hasGainMap(packet) || hasMagic(segment, 0, gainMapPrefix)
}

// hasGainMap says whether an XMP packet tells of a gain map.
func hasGainMap(packet []byte) bool {
	return bytes.Contains(packet, []byte(gainMapSpaces[0])) || bytes.Contains(packet, []byte(gainMapSpaces[1]))
}

// KeptXMP is packet as a result keeps it: without what its source alone has, a gain map and, if the result is
// turned, an orientation. It is nil where that is the packet as it is.
func KeptXMP(packet []byte, info transform.Info, turned bool) (kept []byte) {
	if info.GainMap && hasGainMap(packet) {
		kept = withoutGainMap(packet)
		packet = kept
	}
	if turned {
		if upright := UprightXMP(packet); upright != nil {
			kept = upright
		}
	}
	return kept
}

// emptyXMP takes the place of a packet that cannot be read.
const emptyXMP = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + rdf + `"/></x:xmpmeta>`

// withoutGainMap leaves out of a packet all that gainMapSpaces name. A reader would look for an image that the
// result does not have.
func withoutGainMap(packet []byte) []byte {
	c := xmpCut{in: packet, d: xml.NewDecoder(bytes.NewReader(packet))}
	if err := c.cutPacket(); err != nil {
		return []byte(emptyXMP)
	}
	return append(c.out, packet[c.kept:]...)
}

// xmpCut copies a packet but for what is cut out.
type xmpCut struct {
	in, out []byte
	d       *xml.Decoder
	kept    int // what lies before is in out, or cut
}

func (c *xmpCut) cutPacket() error {
	for {
		from := int(c.d.InputOffset())
		token, err := c.d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case slices.Contains(gainMapSpaces, t.Name.Space):
			if err := c.d.Skip(); err != nil {
				return err
			}
			c.cut(from, int(c.d.InputOffset()))
		default:
			c.cutAttributes(t, from)
		}
	}
}

// cutAttributes cuts attributes and declarations of those namespaces out of a tag that begins at from.
func (c *xmpCut) cutAttributes(t xml.StartElement, from int) {
	for i, a := range t.Attr {
		declares := a.Name.Space == "xmlns" && slices.Contains(gainMapSpaces, a.Value)
		if declares || slices.Contains(gainMapSpaces, a.Name.Space) {
			start, end := attributeValue(c.in, from, i)
			before := bytes.TrimRight(c.in[:start-1], xmlSpace+"=")
			name := bytes.LastIndexAny(before, xmlSpace+`"'`) + 1 // a quote ends the attribute before
			c.cut(len(bytes.TrimRight(c.in[:name], xmlSpace)), end+1)
		}
	}
}

func (c *xmpCut) cut(from, to int) {
	c.out = append(c.out, c.in[c.kept:from]...)
	c.kept = to
}
