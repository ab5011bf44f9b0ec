package transform

import (
	"fmt"
	"strconv"
	"strings"
)

// ResizeMode says how a picture meets the asked width and height
// (imgproxy's resizing_type).
type ResizeMode uint8

const (
	// Fit keeps the proportions and stays inside the box. The default.
	Fit ResizeMode = iota
	// Fill keeps the proportions, covers the box and crops what sticks out.
	Fill
	// FillDown is Fill; a picture smaller than the box keeps the box's
	// proportions instead of its size.
	FillDown
	// Force stretches to the box.
	Force
	// Auto is Fill where source and box are both portrait or both landscape,
	// else Fit.
	Auto
)

var resizeModes = [...]string{Fit: "fit", Fill: "fill", FillDown: "fill-down", Force: "force", Auto: "auto"}

// String is the mode's name in the native dialect.
func (m ResizeMode) String() string { return nameOf(resizeModes[:], int(m)) }

// ParseResizeMode is the inverse of String.
func ParseResizeMode(s string) (ResizeMode, bool) {
	i, ok := indexOf(resizeModes[:], s)
	return ResizeMode(i), ok
}

// Gravity is the place in a picture that a crop keeps.
type Gravity uint8

// The nine anchors. Center is the default.
const (
	Center Gravity = iota
	North
	South
	East
	West
	NorthEast
	NorthWest
	SouthEast
	SouthWest
)

var gravities = [...]string{
	Center: "ce", North: "no", South: "so", East: "ea", West: "we",
	NorthEast: "noea", NorthWest: "nowe", SouthEast: "soea", SouthWest: "sowe",
}

// String is the anchor's name in the native dialect.
func (g Gravity) String() string { return nameOf(gravities[:], int(g)) }

// ParseGravity is the inverse of String.
func ParseGravity(s string) (Gravity, bool) {
	i, ok := indexOf(gravities[:], s)
	return Gravity(i), ok
}

func nameOf(names []string, i int) string {
	if i >= len(names) {
		return names[0]
	}
	return names[i]
}

func indexOf(names []string, s string) (int, bool) {
	for i, n := range names {
		if n == s {
			return i, true
		}
	}
	return 0, false
}

// Params is what to make of a picture. It is comparable; equal Params make
// equal pictures, and String is one canonical text for each. The zero value
// asks for the picture as it is: upright, without metadata, in its own format.
//
// Fields that default to "on" are named by their opposite, so that the zero
// value is the default of every dialect.
type Params struct {
	Mode ResizeMode `json:",omitempty"`
	// Width and Height are in pixels before DPR, 0 for "by proportion".
	Width  int `json:",omitempty"`
	Height int `json:",omitempty"`
	// DPR multiplies width and height. 0 means 1, and 1 is stored as 0.
	DPR float64 `json:",omitempty"`
	// Enlarge allows a result bigger than the source.
	Enlarge bool    `json:",omitempty"`
	Gravity Gravity `json:",omitempty"`
	// Rotate is clockwise in degrees, after EXIF: 0, 90, 180 or 270.
	Rotate int `json:",omitempty"`
	// IgnoreOrientation leaves EXIF orientation unapplied (auto_rotate off).
	IgnoreOrientation bool `json:",omitempty"`
	// Quality is 1 to 100; 0 means the format's default.
	Quality int `json:",omitempty"`
	// Format is the format of the result; FormatUnknown means the source's.
	Format Format `json:",omitempty"`
	// KeepMetadata keeps EXIF, XMP and IPTC (strip_metadata off).
	KeepMetadata bool `json:",omitempty"`
}

// The ranges of Params; Normalize enforces them.
const (
	// MaxDimension bounds Width and Height: the largest side that JPEG can hold.
	MaxDimension = 65535
	// MaxDPR is far above any screen, and keeps a product with MaxDimension
	// inside an int32.
	MaxDPR = 100
)

// Normalize checks the ranges and brings fields with several spellings to
// one: a full turn is no turn, a DPR of one is none. It returns what is
// wrong as one short sentence.
func (p Params) Normalize() (Params, error) {
	switch {
	case p.Width < 0 || p.Width > MaxDimension:
		return p, fmt.Errorf("width %d is not in 0..%d", p.Width, MaxDimension)
	case p.Height < 0 || p.Height > MaxDimension:
		return p, fmt.Errorf("height %d is not in 0..%d", p.Height, MaxDimension)
	case p.DPR != 0 && !(p.DPR > 0 && p.DPR <= MaxDPR):
		return p, fmt.Errorf("dpr %v is not in 0..%d", p.DPR, MaxDPR)
	case p.Quality < 0 || p.Quality > 100:
		return p, fmt.Errorf("quality %d is not in 0..100", p.Quality)
	case p.Rotate%90 != 0:
		return p, fmt.Errorf("rotation by %d is not a multiple of 90", p.Rotate)
	}
	p.Rotate = (p.Rotate%360 + 360) % 360
	if p.DPR == 1 {
		p.DPR = 0
	}
	return p, nil
}

// String is the canonical text: options of the native dialect in a fixed
// order, long forms never, defaults left out. Parsing it with the native
// dialect gives the same Params again. The zero Params are "".
func (p Params) String() string {
	var b strings.Builder
	opt := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(name)
		b.WriteByte(':')
		b.WriteString(value)
	}
	num := func(name string, n int) {
		if n != 0 {
			opt(name, strconv.Itoa(n))
		}
	}
	if p.Mode != Fit {
		opt("rt", p.Mode.String())
	}
	num("w", p.Width)
	num("h", p.Height)
	if p.DPR != 0 {
		opt("dpr", strconv.FormatFloat(p.DPR, 'g', -1, 64))
	}
	if p.Enlarge {
		opt("el", "1")
	}
	if p.Gravity != Center {
		opt("g", p.Gravity.String())
	}
	num("rot", p.Rotate)
	if p.IgnoreOrientation {
		opt("ar", "0")
	}
	num("q", p.Quality)
	if p.Format != FormatUnknown {
		opt("f", p.Format.Ext())
	}
	if p.KeepMetadata {
		opt("sm", "0")
	}
	return b.String()
}
