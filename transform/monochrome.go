package transform

// Monochrome tints an image in shades of one colour.
type Monochrome struct {
	// Intensity is 0, off, to 1.
	Intensity float64 `json:",omitzero"`
	// Color is that of the brightest spot, b3b3b3 by default.
	Color Color `json:",omitzero"`
}

var monochromeColor = Color{0xb3, 0xb3, 0xb3}

func (m Monochrome) normalize() Monochrome {
	if m.Intensity == 0 {
		return Monochrome{}
	}
	return m
}

var monochromeOption = Option{
	Usage: Usage{
		Names: []string{"monochrome", "mc"}, Args: "intensity:color", Most: 2, Default: "0",
		Text: "Shades of one colour. `intensity` is how much of them is mixed in, 0 to 1. `color` is `b3b3b3` by " +
			"default.",
		Example: "w:160/mc:1:f0d0a0",
	},
	Set: func(p *Params, args []string) error {
		if p.Monochrome.Intensity == 0 {
			p.Monochrome.Color = monochromeColor
		}
		return setters{decimalTo(&p.Monochrome.Intensity, 0, 1), colorTo(&p.Monochrome.Color)}.readArgs(args)
	},
	Text: func(p Params) string {
		if p.Monochrome.Intensity == 0 {
			return ""
		}
		return formatNumber(p.Monochrome.Intensity) + ":" + p.Monochrome.Color.String()
	},
}
