package transform

import "math"

// Crop is the part of the source that is worked on.
type Crop struct {
	// Width and Height are pixels from 1 on, shares of the source's below 1;
	// 0 is all of it.
	Width  float64 `json:",omitzero"`
	Height float64 `json:",omitzero"`
	// Gravity is where, if Own; else it is that of Params.
	Gravity Gravity `json:",omitzero"`
	Own     bool    `json:",omitzero"`
	// Ratio is width over height that the area is brought to; 0 leaves it.
	Ratio float64 `json:",omitzero"`
	// Grow brings it there by making it larger, as far as the source goes,
	// instead of smaller.
	Grow bool `json:",omitzero"`
}

func (c Crop) normalize(g Gravity) Crop {
	c.Gravity = c.Gravity.normalize()
	if c.Ratio == 0 {
		c.Grow = false
	}
	if c.Width == 0 && c.Height == 0 && c.Ratio == 0 || !c.Own || c.Gravity == g {
		c.Own, c.Gravity = false, Gravity{}
	}
	return c
}

// effectiveGravity is where the area lies.
func (c Crop) effectiveGravity(p Params) Gravity {
	if c.Own {
		return c.Gravity
	}
	return p.Gravity
}

// pixelSize is the area's size in an upright source of w by h, by imgproxy's
// arithmetic.
func (c Crop) pixelSize(w, h int) (int, int) {
	cw, ch := cropSide(w, c.Width), cropSide(h, c.Height)
	if c.Ratio == 0 {
		return cw, ch
	}
	fw, fh := float64(cw), float64(ch)
	if (fw > fh*c.Ratio) != c.Grow {
		fw = fh * c.Ratio
	} else {
		fh = fw / c.Ratio
	}
	// Growing stops at the source's edge, and the ratio holds.
	by := math.Min(1, math.Min(float64(w)/fw, float64(h)/fh))
	return clampSide(math.Round(fw*by), w), clampSide(math.Round(fh*by), h)
}

func cropSide(side int, c float64) int {
	switch {
	case c == 0:
		return side
	case c >= 1:
		return clampSide(c, side)
	}
	return clampSide(math.Round(float64(side)*c), side)
}

// clampSide is at least one pixel and at most side.
func clampSide(v float64, side int) int { return int(math.Max(1, math.Min(v, float64(side)))) }

var cropOption = Option{
	Usage: Usage{
		Names: []string{"crop", "c"}, Args: "width:height:gravity:x:y", Most: 5, Default: "the whole source",
		Text: "Cuts an area out of the source before the resize. A width or height of 1 or more is in pixels, below " +
			"1 it is a fraction of the source, and 0 means all of it. Without its own gravity, the area is placed by " +
			"[`gravity`](#gravity).",
		Example: "c:0.5:0.5:nowe/w:160",
	},
	Set: func(p *Params, args []string) error {
		c := &p.Crop
		sides := setters{decimalTo(&c.Width, 0, MaxDimension), decimalTo(&c.Height, 0, MaxDimension)}
		if err := sides.readArgs(args[:min(2, len(args))]); err != nil {
			return err
		}
		if len(args) < 3 || args[2] == "" {
			return nil
		}
		g, err := parseGravity(args[2:], FocalPoint)
		c.Gravity, c.Own = g, true
		return err
	},
	Text: func(p Params) string {
		c := p.Crop
		if c.Width == 0 && c.Height == 0 && !c.Own {
			return ""
		}
		s := formatNumber(c.Width) + ":" + formatNumber(c.Height)
		if c.Own {
			s += ":" + c.Gravity.String()
		}
		return s
	},
}

// ParseCrop reads the arguments of the option crop.
func ParseCrop(args []string) (Crop, error) {
	var p Params
	err := cropOption.Set(&p, args)
	return p.Crop, err
}

// String is the canonical text of the arguments, "" for none.
func (c Crop) String() string { return cropOption.Text(Params{Crop: c}) }

// maxRatio is far beyond any image that can be.
const maxRatio = MaxDimension

var cropRatioOption = Option{
	Usage: Usage{
		Names: []string{"crop_aspect_ratio", "car", "crop_ar"}, Args: "ratio:enlarge", Most: 2, Default: "none",
		Text: "Aspect ratio of the cropped area: width divided by height, up to 65535. Without `crop` it applies to " +
			"the whole source. The area is made smaller. With `enlarge` 1 it is made larger instead, up to the edges " +
			"of the source.",
		Example: "car:1/w:120",
	},
	Set: func(p *Params, args []string) error {
		return setters{decimalTo(&p.Crop.Ratio, 0, maxRatio), boolTo(&p.Crop.Grow)}.readArgs(args)
	},
	Text: func(p Params) string {
		if p.Crop.Ratio == 0 {
			return ""
		}
		s := formatNumber(p.Crop.Ratio)
		if p.Crop.Grow {
			s += ":1"
		}
		return s
	},
}
