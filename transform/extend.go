package transform

// Extend lays an image that is smaller than asked on a larger canvas.
type Extend struct {
	On bool `json:",omitzero"`
	// Gravity is where on the canvas the image lies; it is not Smart.
	Gravity Gravity `json:",omitzero"`
}

func (e Extend) normalize() Extend {
	if !e.On {
		return Extend{}
	}
	e.Gravity = e.Gravity.normalize()
	return e
}

// setExtend reads switch[:gravity].
func setExtend(e *Extend, args []string) error {
	if args[0] != "" {
		if err := boolTo(&e.On)(args[0]); err != nil {
			return err
		}
	}
	if len(args) < 2 || args[1] == "" {
		return nil
	}
	last := SouthWest
	if args[1] == anchors[FocalPoint] {
		last = FocalPoint
	}
	var err error
	e.Gravity, err = parseGravity(args[1:], last)
	return err
}

func (e Extend) formatArgs() string {
	switch {
	case !e.On:
		return ""
	case e.Gravity == (Gravity{}):
		return "1"
	}
	return "1:" + e.Gravity.String()
}

var extendOption = Option{
	Usage: Usage{
		Names: []string{"extend", "ex"}, Args: "switch:gravity:x:y", Most: 4, Default: "0",
		Text: "1 places a result that is smaller than `width` and `height` on a canvas of that size. `gravity`, `x` " +
			"and `y` are its place on the canvas, as in [`gravity`](#gravity) but without `sm`. The canvas has the " +
			"colour of `background`. Without `background` it is transparent, or white if the format has no " +
			"transparency.",
		Example: "s:160:160/ex:1:no/bg:446688",
	},
	Set:  func(p *Params, args []string) error { return setExtend(&p.Extend, args) },
	Text: func(p Params) string { return p.Extend.formatArgs() },
}

var extendRatioOption = Option{
	Usage: Usage{
		Names: []string{"extend_aspect_ratio", "exar", "extend_ar"}, Args: "switch:gravity:x:y", Most: 4, Default: "0",
		Text: "Like `extend`, but the canvas has only the aspect ratio of `width` and `height`: it is no larger than " +
			"the result requires.",
		Example: "s:120:160/exar:1/bg:446688",
	},
	Set:  func(p *Params, args []string) error { return setExtend(&p.ExtendRatio, args) },
	Text: func(p Params) string { return p.ExtendRatio.formatArgs() },
}
