package container

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// The size of an SVG without one, in pixels: that of a replaced element (CSS 2.2 §10.3.2).
const (
	plainSVGWidth  = 300
	plainSVGHeight = 150
)

// svgSize is the natural size of an SVG in pixels, which need not be whole.
type svgSize struct {
	width, height float64
	// viewBox says that the root has one.
	viewBox bool
}

// The range of a side that is planned with, in pixels. Outside of it an SVG counts as one of the same
// proportions: it has no pixels, and a result of any size can be asked for.
const (
	leastSVGSide = 0.5
	mostSVGSide  = 1e6
)

// readSVGSize gives the natural size as libvips' svgload has it, at 72 pixels to the inch: width and height, what
// of them is missing by the viewBox, and that without them. Without any of it, it is the one that browsers take.
func readSVGSize(x *xmlReader, root xmlTag) (s svgSize, err error) {
	var w, h float64
	var box [4]float64
	var style []byte
	for a := range root.all {
		value := x.value(a.value)
		switch string(a.name) {
		case "width":
			w = svgLength(string(value))
		case "height":
			h = svgLength(string(value))
		case "viewBox":
			box, s.viewBox = readViewBox(string(value))
		case "style":
			style = value
		}
	}
	w, h = styledSize(string(style), w, h)
	switch {
	case w > 0 && h > 0:
	case w > 0 && s.viewBox:
		h = w * box[3] / box[2]
	case h > 0 && s.viewBox:
		w = h * box[2] / box[3]
	case s.viewBox:
		w, h = box[2], box[3]
	case w > 0:
		h = plainSVGHeight
	case h > 0:
		w = plainSVGWidth
	default:
		w, h = plainSVGWidth, plainSVGHeight
	}
	if by := leastSVGSide / math.Min(w, h); by > 1 {
		w, h = w*by, h*by
	}
	if by := mostSVGSide / math.Max(w, h); by < 1 {
		w, h = w*by, h*by
	}
	if !(w >= leastSVGSide && h >= leastSVGSide) || math.IsInf(w+h, 0) {
		return s, malformedError("one side of the SVG is more than a million times as long as the other")
	}
	s.width, s.height = w, h
	return s, nil
}

// readViewBox reports false for one without an area.
func readViewBox(value string) (box [4]float64, ok bool) {
	fields := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(xmlSpace+",", r) })
	if len(fields) != len(box) {
		return box, false
	}
	for i, f := range fields {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return box, false
		}
		box[i] = v
	}
	return box, box[2] > 0 && box[3] > 0
}

// styledSize is the size as the style of the root element changes it.
func styledSize(style string, w, h float64) (float64, float64) {
	for declaration := range strings.SplitSeq(style, ";") {
		name, value, _ := strings.Cut(declaration, ":")
		value, _, _ = strings.Cut(value, "!")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "width":
			w = svgLength(value)
		case "height":
			h = svgLength(value)
		}
	}
	return w, h
}

// svgUnits are in pixels, as libvips and imgproxy have them: an inch is 72, a font's size 12.
var svgUnits = map[string]float64{
	"": 1, "px": 1, "pt": 1, "pc": 12, "in": 72, "cm": 72 / 2.54, "mm": 72 / 25.4, "em": 12, "ex": 6,
}

// svgLength is a length in pixels; 0 for one that says nothing, such as a percentage.
func svgLength(s string) float64 {
	s = strings.ToLower(strings.Trim(s, xmlSpace))
	end := len(s)
	for end > 0 && (s[end-1] >= 'a' && s[end-1] <= 'z' || s[end-1] == '%') {
		end--
	}
	unit, known := svgUnits[s[end:]]
	v, err := strconv.ParseFloat(s[:end], 64)
	if !known || err != nil || math.IsInf(v, 0) || !(v > 0) {
		return 0
	}
	return v * unit
}

// DrawableSVG is an SVG as it is given to librsvg: its root element has the size of info, and a viewBox.
// A style sheet inside of it does not change that size. ok is false for what is not an SVG.
func DrawableSVG(b []byte, info transform.Info) (out []byte, ok bool) {
	x := xmlReader{b: b}
	root, found := x.next()
	if !found || !isSVGRoot(&x, root) {
		return nil, false
	}
	size, err := readSVGSize(&x, root)
	if err != nil {
		return nil, false
	}
	w := strconv.FormatFloat(info.Vector.Width, 'f', -1, 64)
	h := strconv.FormatFloat(info.Vector.Height, 'f', -1, 64)
	out = make([]byte, 0, len(b)+256)
	out = append(append(append(out, b[:root.from]...), '<'), root.name...)
	var style []byte
	for a := range root.all {
		switch name := string(a.name); {
		case name == "style":
			style = a.value
		case name == "width", name == "height", name == "viewBox" && !size.viewBox:
		default:
			out = appendAttribute(out, name, "", a.value)
		}
	}
	out = appendAttribute(out, "width", w, nil)
	out = appendAttribute(out, "height", h, nil)
	// At the end, where it outdoes what the style itself calls important.
	out = appendAttribute(out, "style", ";width:"+w+"px!important;height:"+h+"px!important", style)
	if !size.viewBox {
		out = appendAttribute(out, "viewBox", "0 0 "+w+" "+h, nil)
	}
	if root.empty {
		out = append(out, '/')
	}
	return append(append(out, '>'), b[root.end:]...), true
}

// appendAttribute writes an attribute with the value of another, and some words behind it.
func appendAttribute(out []byte, name, words string, value []byte) []byte {
	quote := byte('"')
	if bytes.IndexByte(value, quote) >= 0 {
		quote = '\''
	}
	out = append(append(append(out, ' '), name...), '=', quote)
	return append(append(append(out, value...), words...), quote)
}
