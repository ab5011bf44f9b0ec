package transform

import (
	"fmt"
	"strings"
)

// ResizeMode says how an image meets the asked width and height
// (imgproxy's resizing_type).
type ResizeMode uint8

const (
	// Fit keeps the proportions and stays inside the box. The default.
	Fit ResizeMode = iota
	// Fill keeps the proportions, covers the box and crops what sticks out.
	Fill
	// FillDown is Fill; an image smaller than the box keeps the box's
	// proportions instead of its size.
	FillDown
	// Force stretches to the box.
	Force
	// Auto is Fill where source and box are both portrait or both landscape,
	// else Fit.
	Auto
	// Cover is Fill without the crop: both sides are at least the box's
	// (thumbor's full-fit-in).
	Cover
)

var resizeModes = []string{Fit: "fit", Fill: "fill", FillDown: "fill-down", Force: "force", Auto: "auto",
	Cover: "cover"}

// String is the mode's name in the native dialect.
func (m ResizeMode) String() string { return nameOf(resizeModes, int(m)) }

func formatNumberOrNone(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

var resizeOption = Option{
	Usage: Usage{
		Names: []string{"resize", "rs"}, Args: "type:width:height:enlarge:extend:gravity:x:y", Most: 8, Default: "",
		Text:    "Sets `resizing_type`, `width`, `height`, `enlarge` and `extend` at once.",
		Example: "rs:fill:160:100",
	},
	Set: func(p *Params, args []string) error {
		if args[0] != "" {
			if err := wordTo(&p.Mode, resizeModes)(args[0]); err != nil {
				return err
			}
		}
		return setSize(p, args[1:])
	},
}

var sizeOption = Option{
	Usage: Usage{
		Names: []string{"size", "s"}, Args: "width:height:enlarge:extend:gravity:x:y", Most: 7, Default: "",
		Text:    "Sets `width`, `height`, `enlarge` and `extend` at once.",
		Example: "s:120:120",
	},
	Set: setSize,
}

func setSize(p *Params, args []string) error {
	first := args[:min(len(args), 3)]
	err := setters{wholeTo(&p.Width, MaxDimension), wholeTo(&p.Height, MaxDimension),
		boolTo(&p.Enlarge)}.readArgs(first)
	if err != nil || len(args) <= 3 {
		return err
	}
	if strings.Join(args[3:], "") == "" {
		return nil
	}
	return setExtend(&p.Extend, args[3:])
}

var modeOption = Option{
	Usage: Usage{
		Names: []string{"resizing_type", "rt"}, Args: "type", Most: 1, Default: "`fit`",
		Text: "How the image is resized to the box of `width` and `height`.\n\n" +
			"- `fit`: keeps the aspect ratio and stays inside the box.\n" +
			"- `fill`: keeps the aspect ratio, covers the box and crops the rest (see `gravity`).\n" +
			"- `fill-down`: like `fill`, but a source smaller than the box is cropped to the aspect ratio of the " +
			"box.\n" +
			"- `force`: stretches the image to the box.\n" +
			"- `cover`: resizes to cover the box without cropping.\n" +
			"- `auto`: `fill` if source and box are both portrait or both landscape, else `fit`.\n\n" +
			"No type makes the image larger than its source, unless `enlarge` is set.",
		Example: "rt:force/w:120/h:160",
	},
	Set: func(p *Params, args []string) error { return wordTo(&p.Mode, resizeModes)(args[0]) },
	Text: func(p Params) string {
		if p.Mode == Fit {
			return ""
		}
		return p.Mode.String()
	},
}

// wholeOption is an option of one whole number, 0 by default.
func wholeOption(u Usage, most int, field func(*Params) *int) Option {
	u.Most, u.Default = 1, "0"
	return Option{
		Usage: u,
		Set:   func(p *Params, args []string) error { return wholeTo(field(p), most)(args[0]) },
		Text:  func(p Params) string { return formatNumberOrNone(*field(&p)) },
	}
}

// switchOption is an option of one switch, off by default; inverted, it is on
// by default and its field says off.
func switchOption(u Usage, inverted bool, field func(*Params) *bool) Option {
	u.Most, u.Default = 1, formatSwitch(inverted)
	return Option{
		Usage: u,
		Set: func(p *Params, args []string) error {
			on, err := ParseBool(args[0])
			*field(p) = on != inverted
			return err
		},
		Text: func(p Params) string {
			if !*field(&p) {
				return ""
			}
			return formatSwitch(!inverted)
		},
	}
}

var adaptiveOption = switchOption(Usage{Names: []string{"adaptive", "ada"}, Args: "switch",
	Text:    "1 swaps `width` and `height` if one of box and source is portrait and the other is landscape.",
	Example: "rs:fill:100:160/ada:1"}, false, func(p *Params) *bool { return &p.Adaptive })

var widthOption = wholeOption(Usage{Names: []string{"width", "w"}, Args: "pixels",
	Text: "Width of the box to resize to, 0 to 65535. 0 means: from the height by the aspect ratio (with `force`: " +
		"the width of the source).", Example: "w:120"},
	MaxDimension, func(p *Params) *int { return &p.Width })

var heightOption = wholeOption(Usage{Names: []string{"height", "h"}, Args: "pixels",
	Text: "Height of the box to resize to, 0 to 65535. 0 means: from the width by the aspect ratio (with `force`: " +
		"the height of the source).", Example: "h:80"},
	MaxDimension, func(p *Params) *int { return &p.Height })

var minWidthOption = wholeOption(Usage{Names: []string{"min-width", "mw"}, Args: "pixels",
	Text: "Minimum width of the resized image, 0 to 65535. The image is enlarged if needed, then cropped to `width` " +
		"and `height`.",
	Example: "s:160:60/mw:160"}, MaxDimension, func(p *Params) *int { return &p.MinWidth })

var minHeightOption = wholeOption(Usage{Names: []string{"min-height", "mh"}, Args: "pixels",
	Text: "Minimum height of the resized image, 0 to 65535. The image is enlarged if needed, then cropped to " +
		"`width` and `height`.",
	Example: "s:100:160/mh:140"}, MaxDimension, func(p *Params) *int { return &p.MinHeight })

// maxZoom is as far as DPR goes.
const maxZoom = MaxDPR

var zoomOption = Option{
	Usage: Usage{
		Names: []string{"zoom", "z"}, Args: "x:y", Most: 2, Default: "1",
		Text: "Multiplies `width` and `height`. Above 0, up to 100. One number applies to both. Offsets and padding " +
			"do not change.",
		Example: "s:120:80/z:0.5",
	},
	Set: func(p *Params, args []string) error {
		x, err := above0(args[0], maxZoom)
		if err != nil {
			return err
		}
		y := x
		if len(args) > 1 && args[1] != "" {
			if y, err = above0(args[1], maxZoom); err != nil {
				return err
			}
		}
		p.ZoomX, p.ZoomY = x, y
		return nil
	},
	Text: func(p Params) string {
		x, y := orOne(p.ZoomX), orOne(p.ZoomY)
		switch {
		case x == 1 && y == 1:
			return ""
		case x == y:
			return formatNumber(x)
		}
		return formatNumber(x) + ":" + formatNumber(y)
	},
}

func orOne(f float64) float64 {
	if f == 0 {
		return 1
	}
	return f
}

var dprOption = Option{
	Usage: Usage{
		Names: []string{"dpr"}, Args: "ratio", Most: 1, Default: "1",
		Text: "Device pixel ratio, above 0, up to 100. Multiplies `width`, `height`, offsets, `padding`, the radius " +
			"of `round_corners` and the offsets of the watermark. Without `enlarge` it is lowered until the result " +
			"is no larger than the source.",
		Example: "s:60:40/dpr:2",
	},
	Set: func(p *Params, args []string) (err error) {
		p.DPR, err = above0(args[0], MaxDPR)
		return err
	},
	Text: func(p Params) string {
		if p.DPR == 0 || p.DPR == 1 {
			return ""
		}
		return formatNumber(p.DPR)
	},
}

var enlargeOption = switchOption(Usage{Names: []string{"enlarge", "el"}, Args: "switch",
	Text: "1 allows a result larger than its source.", Example: "c:90:60:nowe:1043:375/w:160/el:1"},
	false, func(p *Params) *bool { return &p.Enlarge })

var maxSideOption = Option{
	Usage: Usage{
		Names: []string{"max_result_dimension", "mrd"}, Args: "pixels", Most: 1, Default: "none",
		Text: "Scales the result down so that its longer side is at most this long. Needs " +
			"`--allow-security-options`, else the response is a 403.",
		Example: "w:160/mrd:80",
	},
	Set:  func(p *Params, args []string) error { return wholeTo(&p.MaxSide, MaxDimension)(args[0]) },
	Text: func(p Params) string { return formatNumberOrNone(p.MaxSide) },
}
