package transform

// KeepsColours says whether each pixel of a result has a colour of its source, or is transparent: it is cut,
// turned and mirrored, and no more.
func (p Params) KeepsColours(g Geometry) bool {
	scaled := g.ScaledWidth != g.Cut.Width || g.ScaledHeight != g.Cut.Height
	return !scaled && !p.paints() && !p.Background.On
}

// paints says whether a step makes new colours, besides a resize and a background.
func (p Params) paints() bool {
	return p.Brightness != 0 || p.Shift != [3]int{} || p.Contrast.On || p.Saturation.On ||
		p.Monochrome.Intensity > 0 || p.readsNeighbours() || p.Watermark.On() || p.hasMask()
}
