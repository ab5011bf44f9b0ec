package transform

// maxSharpen is libvips' own.
const maxSharpen = 10

var sharpenOption = Option{
	Usage: Usage{
		Names: []string{"sharpen", "sh"}, Args: "sigma", Most: 1, Default: "0",
		Text:    "Sharpens edges of about this size in pixels of the result, 0 to 10.",
		Example: "w:160/sh:2",
	},
	Set:  func(p *Params, args []string) error { return decimalTo(&p.Sharpen, 0, maxSharpen)(args[0]) },
	Text: func(p Params) string { return formatDecimalOrNone(p.Sharpen) },
	// Strips of lightness and colour, as floats and as shorts, on their way
	// to LAB and back.
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Sharpen == 0 {
			return 0
		}
		b := 1.5 * rowsOut * float64(w.Plan.Picture.Width) * (w.pixelBytes() + 1) * 4
		if w.Info.Alpha {
			return b + w.blockBytes(450, 11.5*mib) // alpha takes a way of its own
		}
		return b + w.blockBytes(90, 2*mib)
	},
}
