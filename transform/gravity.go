package transform

import (
	"errors"
	"fmt"
	"math"
)

// Anchor is the place in an image that a crop keeps.
type Anchor uint8

// The nine anchors. Center is the default.
const (
	Center Anchor = iota
	North
	South
	East
	West
	NorthEast
	NorthWest
	SouthEast
	SouthWest
	// Smart is what draws the eye (libvips' attention).
	Smart
	// FocalPoint is the point at Gravity's X and Y, as shares of the sides.
	FocalPoint
	// Replicate covers the whole image; for watermarks only.
	Replicate
)

var anchors = [...]string{
	Center: "ce", North: "no", South: "so", East: "ea", West: "we",
	NorthEast: "noea", NorthWest: "nowe", SouthEast: "soea", SouthWest: "sowe",
	Smart: "sm", FocalPoint: "fp", Replicate: "re",
}

// String is the anchor's name in the native dialect.
func (a Anchor) String() string { return nameOf(anchors[:], int(a)) }

func (a Anchor) isNorth() bool { return a == North || a == NorthEast || a == NorthWest }
func (a Anchor) isSouth() bool { return a == South || a == SouthEast || a == SouthWest }
func (a Anchor) isEast() bool  { return a == East || a == NorthEast || a == SouthEast }
func (a Anchor) isWest() bool  { return a == West || a == NorthWest || a == SouthWest }

// Gravity is an anchor and how far from it: X and Y are towards the middle, at
// the center to the right and down. From 1 on they are pixels, below that
// shares of the image's sides. Of a FocalPoint they are its coordinates, 0 to 1,
// or in pixels of the source where one is larger.
type Gravity struct {
	Anchor Anchor  `json:",omitzero"`
	X, Y   float64 `json:",omitzero"`
}

// At is the gravity of an anchor, without offsets.
func At(a Anchor) Gravity { return Gravity{Anchor: a} }

func (g Gravity) normalize() Gravity {
	g.X, g.Y = g.X+0, g.Y+0
	if g.Anchor == Smart {
		g.X, g.Y = 0, 0
	}
	return g
}

// String is its arguments in the native dialect.
func (g Gravity) String() string {
	if g.X == 0 && g.Y == 0 && g.Anchor != FocalPoint {
		return g.Anchor.String()
	}
	return g.Anchor.String() + ":" + formatNumber(g.X) + ":" + formatNumber(g.Y)
}

// anchorsOf are the anchors that an option takes, by their last one: those of
// a crop are all but Replicate, those of an extension the first nine.
func anchorsOf(last Anchor) []string { return anchors[: last+1 : last+1] }

// maxOffset is the longest way that means anything.
const maxOffset = MaxDimension

// parseGravity reads type[:x[:y]]. Empty offsets are none.
func parseGravity(args []string, last Anchor) (Gravity, error) {
	var g Gravity
	allowed := anchorsOf(last)
	i, ok := indexOf(allowed, args[0])
	if !ok {
		return g, noneOf(args[0], allowed)
	}
	g.Anchor = Anchor(i)
	if len(args) > 3 {
		return g, fmt.Errorf("%s takes at most two offsets", g.Anchor)
	}
	for i, to := range []*float64{&g.X, &g.Y} {
		if len(args) <= i+1 || args[i+1] == "" {
			if g.Anchor == FocalPoint {
				return g, errors.New("fp needs two numbers from 0 to 1, as in fp:0.5:0.25")
			}
			continue
		}
		least, most := -float64(maxOffset), float64(maxOffset)
		switch g.Anchor {
		case FocalPoint:
			least, most = 0, 1
		case Smart:
			least, most = 0, 0
		}
		if err := decimalTo(to, least, most)(args[i+1]); err != nil {
			return g, err
		}
	}
	return g, nil
}

// ofSource makes a focal point in pixels of the upright source, which dialects
// other than the native one have, into one of shares.
func (g Gravity) ofSource(info Info) Gravity {
	if g.Anchor != FocalPoint || g.X <= 1 && g.Y <= 1 {
		return g
	}
	w, h := float64(info.Width), float64(info.Height)
	if orientationOfEXIF(info.Orientation).swapsSides() {
		w, h = h, w
	}
	g.X, g.Y = math.Min(1, g.X/w), math.Min(1, g.Y/h)
	return g
}

// placeBox puts a box into a frame, by imgproxy's arithmetic: an odd rest leans
// as there. overflow lets the box hang over, but for one pixel, instead of
// pushing it inside.
func (g Gravity) placeBox(w, h, boxW, boxH int, dpr float64, overflow bool) (left, top int) {
	if g.Anchor == FocalPoint {
		left, top = scaledEven(w, g.X)-boxW/2, scaledEven(h, g.Y)-boxH/2
	} else {
		offX, offY := pixelOffset(g.X, w, dpr), pixelOffset(g.Y, h, dpr)
		left, top = halfEven(w-boxW+1)+offX, halfEven(h-boxH+1)+offY
		switch a := g.Anchor; {
		case a.isEast():
			left = w - boxW - offX
		case a.isWest():
			left = offX
		}
		switch a := g.Anchor; {
		case a.isNorth():
			top = offY
		case a.isSouth():
			top = h - boxH - offY
		}
	}
	leastX, mostX := 0, w-boxW
	leastY, mostY := 0, h-boxH
	if overflow {
		leastX, mostX = 1-boxW, w-1
		leastY, mostY = 1-boxH, h-1
	}
	return max(leastX, min(left, mostX)), max(leastY, min(top, mostY))
}

func pixelOffset(v float64, side int, dpr float64) int {
	if math.Abs(v) >= 1 {
		return int(math.RoundToEven(v * dpr))
	}
	return scaledEven(side, v)
}

func scaledEven(side int, by float64) int { return int(math.RoundToEven(float64(side) * by)) }

func halfEven(n int) int { return int(math.RoundToEven(float64(n) / 2)) }

var gravityOption = Option{
	Usage: Usage{
		Names: []string{"gravity", "g"}, Args: "type:x:y", Most: 3, Default: "`ce`",
		Text: "The part of the image that `fill` and `crop` keep.\n\n" +
			"- `ce` (centre), `no`, `so`, `ea`, `we`, `noea`, `nowe`, `soea`, `sowe` (edges and corners). `x` and " +
			"`y` are offsets towards the centre; for `ce` to the right and down. A value of 1 or more is in pixels " +
			"and, except in `crop`, is multiplied by `dpr`. A value below 1 is a fraction of the side.\n" +
			"- `fp:x:y`: a focal point, both from 0 to 1.\n" +
			"- `sm`: smart, the most eye-catching part.",
		Example: "rs:fill:160:160/g:ea",
	},
	Set: func(p *Params, args []string) (err error) {
		p.Gravity, err = parseGravity(args, FocalPoint)
		return err
	},
	Text: func(p Params) string {
		if p.Gravity == (Gravity{}) {
			return ""
		}
		return p.Gravity.String()
	},
}
