package transform

import "math"

// leastCompared is the side of the smallest images that results are compared with; smaller ones are encoded once, as
// they stream (vips/score.h).
const leastCompared = 8

// compares says whether the quality of a result is searched for. Rows stream into a frame in memory then, and are gone
// before the first encode; each encoder is, before its result is decoded and compared.
func (w CostInput) compares() bool {
	if !w.Out.Searches(ResultFrames(w.Info, w.Out)) {
		return false
	}
	return w.Out.AutoQuality.Method == BySize || min(w.Plan.Width, w.Plan.Height) >= leastCompared
}

// searchedBytes are those of the finished frame, which is kept for each try, and of the best result so far.
func (w CostInput) searchedBytes() float64 {
	if !w.compares() {
		return 0
	}
	return float64(w.Plan.Width) * float64(w.Plan.Height) * (w.resultBands() + 1)
}

// comparisonBytes are those of a result, of its decoder, and of rows of floats on all scales, for transparent images on
// two grounds.
func (w CostInput) comparisonBytes() float64 {
	if w.Out.AutoQuality.Method == BySize {
		return 0
	}
	const floats = 1500 // for each pixel of the width
	width, height := float64(w.Plan.Width), float64(w.Plan.Height)
	each := floats + w.resultBands()*math.Min(rowsLoaded, height)
	if w.resultAlpha() {
		each += floats
	}
	opening, held := decodeBytes(w.encodedInfo(), Geometry{LoadWidth: w.Plan.Width, LoadHeight: w.Plan.Height})
	return width*height + each*width + max(opening, held)
}

// encodedInfo is what there is to know of a lossy result before it is decoded.
func (w CostInput) encodedInfo() Info {
	info := Info{Format: w.Out.Format, Width: w.Plan.Width, Height: w.Plan.Height, Frames: 1, Bands: 3, Bits: 8,
		Scans: 1, Alpha: w.resultAlpha(), FullChroma: w.Out.fullChroma()}
	if info.Alpha {
		info.Bands++
	}
	if w.Out.Deep(w.Info) {
		info.Bits = w.Info.Bits
	}
	if info.Format == JPEG && w.Out.JPEG.Progressive {
		const coefficients = 2 * 3 // of two bytes, for three planes
		info.CoefficientBytes = coefficients * info.Pixels()
	}
	return info
}
