package transform

// ResultFrames is how many frames the result has: 1 for a still image. out.Format must be set.
func ResultFrames(info Info, out Params) int {
	if out.Still || out.Page > 0 || info.Frames < 2 || !info.Format.Animates() || !out.Format.Animates() {
		return 1
	}
	if out.MaxFrames > 0 {
		return min(info.Frames, out.MaxFrames)
	}
	return info.Frames
}

// LastFrame is how many frames of an animation are read for a result, from the first on; 0 for
// all of them. p.Format must be set.
func (p Params) LastFrame() int {
	if p.Still || p.Page > 0 || !p.Format.Animates() {
		return p.Page + 1
	}
	return p.MaxFrames
}
