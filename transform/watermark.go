package transform

import "slices"

// Watermark lays the configured image over the result.
type Watermark struct {
	// Opacity is 0, off, to 1.
	Opacity float64 `json:",omitzero"`
	// Position is one of the nine anchors or Replicate; its offsets are the
	// distance from the edges, or of the copies from each other.
	Position Gravity `json:",omitzero"`
	// Scale is its size as a share of the result's, 0 for its own size.
	Scale float64 `json:",omitzero"`
}

// On says whether there is one.
func (w Watermark) On() bool { return w.Opacity > 0 }

func (w Watermark) normalize() Watermark {
	if !w.On() {
		return Watermark{}
	}
	w.Position = w.Position.normalize()
	return w
}

// maxMarkScale keeps a watermark inside of what it marks, or not far out.
const maxMarkScale = 10

// watermarkAnchors are those that a watermark knows.
var watermarkAnchors = slices.Concat(anchorsOf(SouthWest), []string{anchors[Replicate]})

var watermarkOption = Option{
	Usage: Usage{
		Names: []string{"watermark", "wm"}, Args: "opacity:position:x:y:scale", Most: 5, Default: "0",
		Text: "Draws the image of `--watermark` over the result.\n\n" +
			"- `opacity`: 0 to 1. 0 turns it off.\n" +
			"- `position`: `ce`, `no`, `so`, `ea`, `we`, `noea`, `nowe`, `soea`, `sowe`, or `re` for copies all over " +
			"the result.\n" +
			"- `x`, `y`: offsets from the edges; for `re` the space between the copies. A value of 1 or more is in " +
			"pixels, below 1 it is a fraction of the side.\n" +
			"- `scale`: size as a fraction of the result, up to 10. 0 keeps the size of the watermark.",
		Example: "w:160/wm:0.8:soea:6:6:0.3",
	},
	Set: func(p *Params, args []string) error {
		m := &p.Watermark
		return setters{
			decimalTo(&m.Opacity, 0, 1),
			func(s string) error {
				for i, name := range anchors {
					a := Anchor(i)
					if name == s && (a <= SouthWest || a == Replicate) {
						m.Position.Anchor = a
						return nil
					}
				}
				return noneOf(s, watermarkAnchors)
			},
			decimalTo(&m.Position.X, -maxOffset, maxOffset), decimalTo(&m.Position.Y, -maxOffset, maxOffset),
			decimalTo(&m.Scale, 0, maxMarkScale),
		}.readArgs(args)
	},
	Text: func(p Params) string {
		m := p.Watermark
		if !m.On() {
			return ""
		}
		return formatNumber(m.Opacity) + ":" + m.Position.Anchor.String() + ":" + formatNumber(m.Position.X) + ":" +
			formatNumber(m.Position.Y) + ":" + formatNumber(m.Scale)
	},
	// Strips of both images as floats on their way through the blend. The
	// mark itself is WatermarkWorkingSet's.
	ExtraBytes: func(w CostInput) float64 {
		if !w.Out.Watermark.On() {
			return 0
		}
		return rowsOut * float64(w.Plan.Width) * 4 * 4
	},
}

// WatermarkWorkingSet estimates, from above, what a watermark adds to the working
// set of a job: its decoder, and the mark as it is laid over the result.
func WatermarkWorkingSet(mark Info, g Geometry, p Params) int64 {
	if !p.Watermark.On() {
		return 0
	}
	w, h := MarkSize(mark, g, p)
	mg := NewGeometry(mark, Params{Format: PNG})
	opening, held := decodeBytes(mark, mg)
	most := max(opening, held+loadedRowBytes(mark, mg)+rowBytes(mark, mg, p))
	// Premultiplied floats on the way to its size, then four bytes a pixel.
	return wholeMebibytes(margin * (most + 4*float64(w)*float64(h) + 16*rowsOut*float64(max(w, mark.Width))))
}

// MarkSize is the size at which a watermark is laid over a result.
func MarkSize(mark Info, g Geometry, p Params) (w, h int) {
	if p.Watermark.Scale == 0 {
		return mark.Width, mark.Height
	}
	box := Params{Width: max(1, scaledEven(g.Width, p.Watermark.Scale)),
		Height: max(1, scaledEven(g.Height, p.Watermark.Scale)), Enlarge: true}
	mg := NewGeometry(mark, box)
	return mg.Width, mg.Height
}

// PlaceMark is where a watermark of w by h has its left top corner in the
// result; of copies it is that of the first one, and each comes with the gap
// to the next.
func PlaceMark(g Geometry, p Params, w, h int) (left, top, gapX, gapY int) {
	pos := p.Watermark.Position
	if pos.Anchor != Replicate {
		left, top = pos.placeBox(g.Width, g.Height, w, h, g.DPR, true)
		return left, top, 0, 0
	}
	gapX, gapY = max(0, pixelOffset(pos.X, g.Width, g.DPR)), max(0, pixelOffset(pos.Y, g.Height, g.DPR))
	return 0, 0, gapX, gapY
}
