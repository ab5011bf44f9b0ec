package transform

// Changes says whether a result of p differs from its source in more than being
// encoded again: in size, orientation, colours, format, or a form of encoding that
// the URL asks for. If it does not and came out larger, the source is served
// instead.
func (p Params) Changes(info Info, g Geometry) bool {
	whole := Rect{0, 0, info.Width, info.Height}
	same := g.Cut == whole && g.Crop == whole && g.ScaledWidth == info.Width && g.ScaledHeight == info.Height &&
		!g.Turns() && !p.TurnsUpright(info) && !g.Extends() &&
		ResultFrames(info, p) == info.Frames && p.Format == info.Format
	_, opaque := p.Background.Under(p.Format)
	covered := info.Alpha && (opaque || p.Background.On)
	recoloured := info.Normalized || info.Profile && !p.KeepProfile || info.Bits > 8 && !p.Deep(info)
	p.Format, p.Quality = FormatUnknown, 0
	p.FormatQuality, p.MaxBytes = Qualities{}, 0
	p.AutoQuality = AutoQuality{}
	encoded := p.JPEG != JPEGOptions{} || p.PNG != PNGOptions{} || p.WebP != WebPOptions{} || p.AVIF != AVIFOptions{} ||
		p.JXL != JXLOptions{}
	return !same || covered || recoloured || encoded || p.paints() || p.EnforceThumbnail
}
