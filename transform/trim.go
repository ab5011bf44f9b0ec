package transform

// Trim cuts off a border of one colour.
type Trim struct {
	On bool `json:",omitzero"`
	// Threshold is how different from the border a pixel is that is kept, 0 to
	// 255 in each channel.
	Threshold float64 `json:",omitzero"`
	// Color is the border's, if Given; else it is that of the pixel left top.
	// Transparent pixels count as ff00ff.
	Color Color `json:",omitzero"`
	Given bool  `json:",omitzero"`
	// Corner takes the color of the pixel right bottom instead (thumbor's
	// bottom-right).
	Corner bool `json:",omitzero"`
	// EqualX and EqualY cut the same on both sides, left and right, top and
	// bottom of the upright image.
	EqualX bool `json:",omitzero"`
	EqualY bool `json:",omitzero"`
}

func (t Trim) normalize() Trim {
	switch {
	case !t.On:
		return Trim{}
	case !t.Given:
		t.Color = Color{}
	default:
		t.Corner = false
	}
	return t
}

// equalBorders makes borders equal: content is what lies inside of an image of w by h.
func (t Trim) equalBorders(content Rect, w, h int) Rect {
	if t.EqualX {
		content.Left, content.Width = evenSide(content.Left, content.Width, w)
	}
	if t.EqualY {
		content.Top, content.Height = evenSide(content.Top, content.Height, h)
	}
	return content
}

func evenSide(start, length, side int) (int, int) {
	least := min(start, side-start-length)
	return least, side - 2*least
}

var trimOption = Option{
	Usage: Usage{
		Names: []string{"trim", "t"}, Args: "threshold:color:equal_hor:equal_ver", Most: 4, Default: "off",
		Text: "Removes a border of one colour, before all other steps.\n\n" +
			"- `threshold`: how much a pixel must differ from the border to be kept, 0 to 255. Empty turns `trim` " +
			"off.\n" +
			"- `color`: colour of the border. Empty means the colour of the top left pixel, `last` that of the " +
			"bottom right pixel. `FF00FF` also matches transparent pixels.\n" +
			"- `equal_hor`, `equal_ver`: 1 removes equally much on opposite sides.",
		Example: "t:10/w:120",
	},
	Set: func(p *Params, args []string) error {
		p.Trim.On = args[0] != ""
		return setters{
			decimalTo(&p.Trim.Threshold, 0, 255),
			func(s string) error {
				p.Trim.Corner, p.Trim.Given = s == lastPixel, s != lastPixel
				if s == lastPixel {
					return nil
				}
				return colorTo(&p.Trim.Color)(s)
			},
			boolTo(&p.Trim.EqualX), boolTo(&p.Trim.EqualY),
		}.readArgs(args)
	},
	Text: func(p Params) string {
		t := p.Trim
		if !t.On {
			return ""
		}
		s := formatNumber(t.Threshold)
		if t.Given || t.Corner || t.EqualX || t.EqualY {
			s += ":"
			switch {
			case t.Given:
				s += t.Color.String()
			case t.Corner:
				s += lastPixel
			}
		}
		if t.EqualX || t.EqualY {
			s += ":" + formatSwitch(t.EqualX) + ":" + formatSwitch(t.EqualY)
		}
		return s
	},
}

// lastPixel stands for a color: that of the pixel right bottom.
const lastPixel = "last"

// TrimWorkingSet estimates, from above, the bytes that the search for a border
// takes in a worker at its peak: the whole image streams by at its full size.
func TrimWorkingSet(info Info, p Params) int64 {
	info = info.Used(p)
	g := NewGeometry(info, Params{Format: JPEG})
	opening, held := decodeBytes(info, g)
	// Strips on their way through the comparison.
	streaming := held + loadedRowBytes(info, g) + rowBytes(info, g, p) + rowsOut*float64(g.LoadWidth)*bandsLoaded(info)
	return wholeMebibytes(jobStart + margin*(max(opening, streaming)+metadataBytes(info)))
}
