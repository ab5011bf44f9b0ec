package container

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

const svgNamespace = "http://www.w3.org/2000/svg"

// isSVG says whether the root element of a document is that of an SVG. What stands before it may be
// long: a licence, a document type with its entities.
func isSVG(b []byte) bool {
	head := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), xmlSpace)
	if len(head) == 0 || head[0] != '<' {
		return false
	}
	x := xmlReader{b: head}
	root, ok := x.next()
	return ok && isSVGRoot(&x, root)
}

func isSVGRoot(x *xmlReader, root xmlTag) bool {
	return !root.closes && string(localName(root.name)) == "svg" && !bytes.EqualFold(x.doctype, []byte("html"))
}

// sniffSVG reads the size of an SVG, and goes through its elements for what it takes to draw
// them, and for what librsvg would leave out without a word.
func sniffSVG(b []byte, info *transform.Info) error {
	info.Bands, info.Alpha = 4, true
	x := xmlReader{b: b}
	root, ok := x.next()
	if !ok {
		return cutShort("the SVG ends before its first element")
	}
	if err := checkSVGNamespace(&x, root); err != nil {
		return err
	}
	size, err := readSVGSize(&x, root)
	if err != nil {
		return err
	}
	info.Vector = transform.VectorInfo{Width: size.width, Height: size.height, Bytes: int64(len(b)),
		Layers: hasLayers(b)}
	info.Width, info.Height = roundSide(size.width), roundSide(size.height)
	s := svgScan{vector: &info.Vector}
	if root.empty {
		return nil
	}
	for depth := 1; ; {
		tag, ok := x.next()
		if !ok {
			return cutShort("the SVG ends before its last element does")
		}
		s.addText(tag.text)
		if tag.closes {
			depth--
			s.close(depth)
			if depth == 0 {
				return nil
			}
			continue
		}
		if err := s.open(tag, depth); err != nil {
			return err
		}
		if !tag.empty {
			depth++
		}
	}
}

// layerWords are what in attributes and styles has librsvg draw a part of the image apart.
var layerWords = [...][]byte{[]byte("mask"), []byte("filter"), []byte("clip-path"), []byte("blend"), []byte("isolat")}

// hasLayers says whether there are such words, wherever they stand.
func hasLayers(b []byte) bool {
	for _, word := range layerWords {
		if bytes.Contains(b, word) {
			return true
		}
	}
	for word := []byte("opacity"); ; {
		at := bytes.Index(b, word)
		if at < 0 {
			return false
		}
		if at > 0 && b[at-1] != '-' { // fill-opacity and the like are of one shape
			return true
		}
		b = b[at+len(word):]
	}
}

// checkSVGNamespace refuses what only looks like an SVG.
func checkSVGNamespace(x *xmlReader, root xmlTag) error {
	want := "xmlns"
	if i := bytes.IndexByte(root.name, ':'); i >= 0 {
		want = "xmlns:" + string(root.name[:i])
	}
	for a := range root.all {
		if string(a.name) == want && string(x.value(a.value)) != svgNamespace {
			return notRead("the root element svg of this XML document is in another namespace than " + svgNamespace)
		}
	}
	return nil
}

func roundSide(side float64) int { return max(1, int(math.Round(side))) }

// svgScan is what is known of the elements so far.
type svgScan struct {
	vector *transform.VectorInfo
	// switches, texts and filters are at which depth, counted from 1, such an element began
	// that is still open; 0 for none.
	switches, texts, filters int
	primitives               int
}

// open looks at a start-tag inside of an element of such a depth.
func (s *svgScan) open(tag xmlTag, depth int) error {
	s.vector.Elements++
	name := localName(tag.name)
	if s.filters > 0 && bytes.HasPrefix(name, []byte("fe")) {
		s.primitives++
		s.vector.Primitives = max(s.vector.Primitives, s.primitives)
	}
	switch string(name) {
	case "foreignObject":
		// Inside of a switch, and with a condition, it has another form beside it.
		if s.switches == 0 || !bytes.Contains(tag.attributes, []byte("required")) {
			return notRead("this SVG has HTML inside (foreignObject), which pictor does not draw")
		}
	case "textPath":
		return notRead("this SVG has text on a path (textPath), which pictor does not draw")
	case "image", "feImage":
		return s.addImage(tag)
	}
	if tag.empty {
		return nil
	}
	switch string(name) {
	case "switch":
		openAt(&s.switches, depth)
	case "text":
		openAt(&s.texts, depth)
	case "filter":
		openAt(&s.filters, depth)
		s.primitives = 0
	}
	return nil
}

func openAt(at *int, depth int) {
	if *at == 0 {
		*at = depth
	}
}

// close looks at an end-tag, of an element inside of one of such a depth.
func (s *svgScan) close(depth int) {
	for _, at := range []*int{&s.switches, &s.texts, &s.filters} {
		if *at >= depth {
			*at = 0
		}
	}
}

func (s *svgScan) addText(text []byte) {
	if s.texts > 0 {
		s.vector.TextBytes += int64(len(text))
	}
}

// addImage looks at an image inside of the SVG. One that lies elsewhere is not loaded, as no browser
// loads it for an img element.
func (s *svgScan) addImage(tag xmlTag) error {
	for a := range tag.all {
		if string(localName(a.name)) != "href" {
			continue
		}
		url := bytes.TrimLeft(a.value, xmlSpace)
		if len(url) < 5 || !bytes.EqualFold(url[:5], []byte("data:")) {
			continue
		}
		head, data, _ := bytes.Cut(url[5:], []byte(","))
		kind, _, _ := bytes.Cut(head, []byte(";"))
		switch string(bytes.ToLower(bytes.TrimSpace(kind))) {
		case "image/png", "image/jpeg", "image/jpg":
		default:
			return notRead("this SVG has an image inside that is neither PNG nor JPEG, which pictor does not draw")
		}
		if bytes.HasSuffix(bytes.ToLower(head), []byte("base64")) {
			s.vector.ImagePixels += base64Pixels(data)
		}
	}
	return nil
}

// base64Pixels is how many pixels an image inside of an SVG has, by its header; 0 for what is
// not an image.
func base64Pixels(data []byte) int64 {
	const most = 256 << 10 // profiles and the like stand before the size
	data = data[:min(len(data), most)]
	text := make([]byte, 0, len(data))
	for _, c := range data {
		if bytes.IndexByte([]byte(xmlSpace+"="), c) < 0 {
			text = append(text, c)
		}
	}
	b := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, _ := base64.RawStdEncoding.Decode(b, text) // what is before a mistake counts
	info := transform.Info{}
	err := errors.New("neither PNG nor JPEG")
	switch {
	case hasMagic(b, 0, "\xff\xd8\xff"):
		err = sniffJPEG(b[:n], &info)
	case hasMagic(b, 0, pngSignature):
		err = sniffPNG(b[:n], &info)
	}
	if err != nil && !errors.Is(err, transform.ErrTruncated) {
		return 0
	}
	return info.Pixels()
}
