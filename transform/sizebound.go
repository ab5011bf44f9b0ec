package transform

import "math"

// SizeBound is the size that no result is larger than, whatever its source, in pixels. A side is 0 where the
// source alone bounds it: it was not asked for, or the source may be given as it is.
func (p Params) SizeBound() (width, height int) {
	if p.Raw || p.Skip != 0 {
		return 0, 0
	}
	dpr := math.Max(1, orOne(p.DPR)) // a low one is raised for a source that is smaller than asked for
	width = boundOf(p.Width, dpr*orOne(p.ZoomX), p.Padding.Left+p.Padding.Right, dpr)
	height = boundOf(p.Height, dpr*orOne(p.ZoomY), p.Padding.Top+p.Padding.Bottom, dpr)
	switch {
	case p.Mode == Cover: // it is not cut
		width, height = 0, 0
	case p.Adaptive && (width == 0 || height == 0):
		width, height = 0, 0
	case p.Adaptive:
		// The sides are exchanged before zoom and padding.
		most := max(p.Width, p.Height)
		width = boundOf(most, dpr*orOne(p.ZoomX), p.Padding.Left+p.Padding.Right, dpr)
		height = boundOf(most, dpr*orOne(p.ZoomY), p.Padding.Top+p.Padding.Bottom, dpr)
	}
	if p.LateRotate%180 != 0 {
		width, height = height, width
	}
	return leastSide(width, p.MaxSide), leastSide(height, p.MaxSide)
}

// boundOf is a side with its padding; 0 where it was not asked for.
func boundOf(side int, factor float64, padding int, dpr float64) int {
	if side == 0 {
		return 0
	}
	const rounding = 2 // of the padding on either end, which rounds to even
	sum := float64(askedSide(side, factor))
	if padding > 0 {
		sum += math.Ceil(float64(padding)*dpr) + rounding
	}
	return int(math.Min(sum, maxCoordinate))
}

// leastSide is the smaller of two bounds, of which 0 is none.
func leastSide(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
