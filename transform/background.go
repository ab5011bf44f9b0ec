package transform

import "errors"

// Background is what shows where an image is transparent.
type Background struct {
	On    bool  `json:",omitzero"`
	Color Color `json:",omitzero"`
	// Sheer says that the background itself is transparent, by Alpha, 0 to
	// below 1.
	Sheer bool    `json:",omitzero"`
	Alpha float64 `json:",omitzero"`
}

// white is the background where none is given and the format has no
// transparency, as in imgproxy.
var white = Color{255, 255, 255}

func (b Background) normalize() Background {
	if !b.On {
		return Background{}
	}
	if !b.Sheer || b.Alpha == 1 {
		b.Sheer, b.Alpha = false, 0
	}
	return b
}

// Under is the colour beneath the image, and whether there is one that
// nothing shines through, in a format.
func (b Background) Under(f Format) (c Color, opaque bool) {
	switch {
	case b.On && !(b.Sheer && f.HasAlpha()):
		return b.Color, true
	case b.On:
		return b.Color, false
	}
	return white, !f.HasAlpha()
}

var backgroundOption = Option{
	Usage: Usage{
		Names: []string{"background", "bg"}, Args: "red:green:blue", Most: 3, Default: "none",
		Text: "The colour behind transparent parts: three or six hexadecimal digits, or three numbers from 0 to 255. " +
			"Empty turns it off. Without it, transparent parts become white in a format without transparency.",
		Example: "w:120/pd:12/bg:d08050",
	},
	Set: setBackground,
	Text: func(p Params) string {
		if !p.Background.On {
			return ""
		}
		return p.Background.Color.String()
	},
}

func setBackground(p *Params, args []string) error {
	b := &p.Background
	switch len(args) {
	case 1:
		b.On, b.Color = args[0] != "", Color{}
		if !b.On {
			return nil
		}
		return colorTo(&b.Color)(args[0])
	case 3:
		for i, arg := range args {
			n, err := ParseWhole(arg, 255)
			if err != nil {
				return err
			}
			b.Color[i] = uint8(n)
		}
		b.On = true
		return nil
	}
	return errors.New("a colour must be one hexadecimal argument or three numbers")
}

var backgroundAlphaOption = Option{
	Usage: Usage{
		Names: []string{"background_alpha", "bga"}, Args: "alpha", Most: 1, Default: "1",
		Text: "Opacity of `background`, 0 to 1. Without `background` it does nothing. In a format without " +
			"transparency the background is always opaque.",
		Example: "w:120/pd:12/bg:d08050/bga:0.4",
	},
	Set: func(p *Params, args []string) error {
		p.Background.Sheer = true
		return decimalTo(&p.Background.Alpha, 0, 1)(args[0])
	},
	Text: func(p Params) string {
		if !p.Background.Sheer {
			return ""
		}
		return formatNumber(p.Background.Alpha)
	},
}
