package transform

import "math"

var roundCornersOption = Option{
	Usage: Usage{
		Names: []string{"round_corners", "rc"}, Args: "radius", Most: 1, Default: "0",
		Text: "Rounds the corners of the result, padding included. A radius of 1 or more is in pixels and is " +
			"multiplied by `dpr`. A radius below 1 is a fraction of the shorter side. The corners are transparent. " +
			"In a format without transparency they have the colour of `background`, or are white.",
		Example: "rs:fill:160:120/rc:24",
	},
	Set:        func(p *Params, args []string) error { return decimalTo(&p.Radius, 0, MaxDimension)(args[0]) },
	Text:       func(p Params) string { return formatDecimalOrNone(p.Radius) },
	ExtraBytes: maskBytes,
}

// Mask is a shape that the result is cut to.
type Mask uint8

// The shapes. NoMask is the default.
const (
	NoMask Mask = iota
	// Circle is the largest in the middle.
	Circle
	// Ellipse touches all four sides.
	Ellipse
)

var masks = []string{NoMask: "none", Circle: "circle", Ellipse: "ellipse"}

// String is the mask's name in the native dialect.
func (m Mask) String() string { return nameOf(masks, int(m)) }

var maskOption = Option{
	Usage: Usage{
		Names: []string{"mask", "mk"}, Args: "shape", Most: 1, Default: "`none`",
		Text: "Cuts the result to the largest centred `circle`, or to an `ellipse` that touches all sides. The rest " +
			"is treated as in `round_corners`.",
		Example: "rs:fill:120:120/mk:circle",
	},
	Set: func(p *Params, args []string) error { return wordTo(&p.Mask, masks)(args[0]) },
	Text: func(p Params) string {
		if p.Mask == NoMask {
			return ""
		}
		return p.Mask.String()
	},
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Radius > 0 {
			return 0 // it was counted there
		}
		return maskBytes(w)
	},
}

// maskBytes is the strips of the mask and of floats where it is multiplied in.
func maskBytes(w CostInput) float64 {
	if w.Out.Radius == 0 && w.Out.Mask == NoMask {
		return 0
	}
	return 6 * rowsOut * float64(w.Plan.Width)
}

// hasMask says whether p makes parts of an opaque image transparent.
func (p Params) hasMask() bool { return p.Radius > 0 || p.Mask != NoMask }

// CornerRadius is the radius in pixels of the result, at most half its
// shorter side.
func CornerRadius(g Geometry, p Params) float64 {
	shorter := float64(min(g.Width, g.Height))
	if p.Radius < 1 {
		return math.Min(p.Radius*shorter, shorter/2)
	}
	return math.Min(p.Radius*g.DPR, shorter/2)
}
