package transform

import "math"

// maxBlur is libvips' own.
const maxBlur = 1000

var blurOption = Option{
	Usage: Usage{
		Names: []string{"blur", "bl"}, Args: "sigma", Most: 1, Default: "0",
		Text:    "Gaussian blur. The standard deviation in pixels of the result, 0 to 1000.",
		Example: "w:160/bl:4",
	},
	Set:  func(p *Params, args []string) error { return decimalTo(&p.Blur, 0, maxBlur)(args[0]) },
	Text: func(p Params) string { return formatDecimalOrNone(p.Blur) },
	// Strips as high as the mask, before, between and behind its two passes.
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Blur == 0 {
			return 0
		}
		b := 1.5 * math.Min(4*w.Out.Blur+rowsOut, float64(w.Plan.Picture.Height)) * float64(w.Plan.Picture.Width) *
			w.pixelBytes()
		if w.Info.Alpha {
			return b + w.blockBytes(100, 1.5*mib)
		}
		return b + w.blockBytes(50, mib)
	},
}

func formatDecimalOrNone(f float64) string {
	if f == 0 {
		return ""
	}
	return formatNumber(f)
}
