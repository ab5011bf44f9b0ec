package transform

// jxlBytes is what libjxl's decoder takes until libvips has the whole picture, and what is held from then
// on, the picture. Measured with libjxl 0.7: what is neither in colour of eight bits nor opaque goes through
// planes of floats.
func jxlBytes(info Info) (opening, held float64) {
	px := float64(info.Pixels())
	held = px * float64(info.Bands) * depthBytes(info)
	each := 5.0
	switch {
	case info.Lossless:
		// Whole planes of integers and what a squeeze makes of them: 30 were seen. One
		// without, which the header does not tell, takes 2 to 18.
		each = 32
		if info.Bits > 8 {
			each = 38 // floating point, of which libvips holds four bytes a sample
		}
	case info.Bands > 3 || info.Alpha || info.HeldPixels > 0:
		each = 37
	case info.Bits > 8, info.Bands == 1:
		each = 17
	}
	if info.Scans > 1 {
		each += 12 // coefficients of all passes
	}
	const frame = 16 // floats of a frame that others are made of
	return held + each*px + frame*float64(info.HeldPixels) + mib, held
}

// jxlEncoderBytes is what libjxl's encoder holds, the frame included: measured with libjxl 0.7 of
// photographs.
func jxlEncoderBytes(w CostInput) float64 {
	px := float64(w.Plan.Width) * float64(w.Plan.Height)
	alpha := w.resultAlpha()
	frame := w.resultBands() * w.sampleBytes()
	if w.Out.JXL.Lossless {
		channels := 3.0
		if alpha {
			channels++
		}
		return 4*mib + px*(26*channels+frame)
	}
	each := 44.0
	switch effort := w.Out.JXL.LevelOfEffort(); {
	case effort > 7:
		each = 300 // it compares what it wrote with the picture, several times
	case effort > 6:
		each = 84
	}
	if alpha {
		each += 20
	}
	return 4*mib + px*(each+frame)
}
