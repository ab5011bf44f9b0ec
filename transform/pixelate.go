package transform

var pixelateOption = Option{
	Usage: Usage{
		Names: []string{"pixelate", "pix"}, Args: "size", Most: 1, Default: "0",
		Text:    "Side of the squares in pixels of the result, 0 to 65535. 0 and 1 turn it off.",
		Example: "w:160/pix:8",
	},
	Set: func(p *Params, args []string) error { return wholeTo(&p.Pixelate, MaxDimension)(args[0]) },
	Text: func(p Params) string {
		if p.Pixelate <= 1 {
			return ""
		}
		return formatNumberOrNone(p.Pixelate)
	},
	// A row of blocks, and its mirrored edge.
	ExtraBytes: func(w CostInput) float64 {
		if w.Out.Pixelate <= 1 {
			return 0
		}
		rows := float64(min(w.Out.Pixelate, max(w.Plan.Picture.Width, w.Plan.Picture.Height))) + rowsOut
		return rows * (float64(w.Plan.Picture.Width) + rows) * w.pixelBytes()
	},
}
