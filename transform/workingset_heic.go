package transform

// heicBytes: libde265's planes and what it keeps of each block, libheif's copy of
// them, and its way from there to interleaved colour, of which only the end is kept.
func heicBytes(info Info) (opening, held float64) {
	const block = 128
	px := float64(info.Width+block) * float64(info.Height+block) * depthBytes(info)
	opening, held = 9*px, 3*px
	if info.FullChroma {
		opening = 13.5 * px
	}
	if info.Alpha {
		opening += px
		held += px
	}
	return opening + 2*mib, held + 2*mib
}
