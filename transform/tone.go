package transform

import (
	"fmt"
	"strconv"
)

// Factor multiplies; the zero value is a factor of one.
type Factor struct {
	On bool    `json:",omitzero"`
	By float64 `json:",omitzero"`
}

func (f Factor) normalize() Factor {
	if !f.On || f.By == 1 {
		return Factor{}
	}
	return f
}

// Value is the factor.
func (f Factor) Value() float64 {
	if !f.On {
		return 1
	}
	return f.By
}

func (f Factor) formatFactor() string {
	if !f.On {
		return ""
	}
	return formatNumber(f.By)
}

// maxFactor is where everything is black or white already.
const maxFactor = 255

func factorTo(f *Factor) func(string) error {
	return func(s string) error {
		f.On = true
		return decimalTo(&f.By, 0, maxFactor)(s)
	}
}

func brightnessTo(to *int) func(string) error {
	return func(s string) error {
		v, err := parseDecimal(s, -255, 255)
		if err != nil || v != float64(int(v)) {
			return outside(s, Domain{Kind: WholeNumber, Least: -255, Most: 255})
		}
		*to = int(v)
		return nil
	}
}

var adjustOption = Option{
	Usage: Usage{
		Names: []string{"adjust", "a"}, Args: "brightness:contrast:saturation", Most: 3, Default: "",
		Text:    "Sets `brightness`, `contrast` and `saturation` at once.",
		Example: "w:160/a:20:1.2:1.5",
	},
	Set: func(p *Params, args []string) error {
		return setters{brightnessTo(&p.Brightness), factorTo(&p.Contrast), factorTo(&p.Saturation)}.readArgs(args)
	},
}

var brightnessOption = Option{
	Usage: Usage{
		Names: []string{"brightness", "br"}, Args: "value", Most: 1, Default: "0",
		Text:    "Whole number from -255 to 255, added to each channel after `contrast`.",
		Example: "w:160/br:60",
	},
	Set: func(p *Params, args []string) error { return brightnessTo(&p.Brightness)(args[0]) },
	Text: func(p Params) string {
		if p.Brightness == 0 {
			return ""
		}
		return strconv.Itoa(p.Brightness)
	},
}

var shiftOption = Option{
	Usage: Usage{
		Names: []string{"rgb"}, Args: "red:green:blue", Most: 3, Default: "0:0:0",
		Text:    "Whole numbers from -255 to 255, added to the red, green and blue channel after `contrast`.",
		Example: "w:160/rgb:40:0:-40",
	},
	Set: func(p *Params, args []string) error {
		return setters{brightnessTo(&p.Shift[0]), brightnessTo(&p.Shift[1]), brightnessTo(&p.Shift[2])}.readArgs(args)
	},
	Text: func(p Params) string {
		if p.Shift == [3]int{} {
			return ""
		}
		return fmt.Sprintf("%d:%d:%d", p.Shift[0], p.Shift[1], p.Shift[2])
	},
}

var contrastOption = Option{
	Usage: Usage{
		Names: []string{"contrast", "co"}, Args: "factor", Most: 1, Default: "1",
		Text:    "Multiplies the distance from mid-grey. 0 to 255.",
		Example: "w:160/co:1.6",
	},
	Set:  func(p *Params, args []string) error { return factorTo(&p.Contrast)(args[0]) },
	Text: func(p Params) string { return p.Contrast.formatFactor() },
}

var saturationOption = Option{
	Usage: Usage{
		Names: []string{"saturation", "sa"}, Args: "factor", Most: 1, Default: "1",
		Text:    "Multiplies the distance from grey of the same lightness. 0 (greyscale) to 255.",
		Example: "w:160/sa:2",
	},
	Set:  func(p *Params, args []string) error { return factorTo(&p.Saturation)(args[0]) },
	Text: func(p Params) string { return p.Saturation.formatFactor() },
}
