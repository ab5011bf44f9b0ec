package transform

import "math"

// sizes are those that a request works out to for an upright source, step by
// step. The names in brackets are imgproxy's.
type sizes struct {
	sx, sy float64 // scale of both axes [WScale, HScale]
	dpr    float64 // the one that is really applied [DprScale]
	// area is what is cut out of the source [CropWidth, CropHeight].
	areaW, areaH int
	// exact is its size where that need not be whole: that of all of an SVG.
	exact sideLengths
	// scaled is the resized area [ScaledWidth, ScaledHeight].
	scaledW, scaledH int
	// target is what is asked for, 0 where nothing is [TargetWidth, TargetHeight].
	targetW, targetH int
	// crop is what the resized area is cut to [ResultCropWidth, ResultCropHeight].
	cropW, cropH int
	// ratio is a canvas of the asked proportions, 0 for none needed
	// [ExtendAspectRatioWidth, ExtendAspectRatioHeight].
	ratioW, ratioH int
}

func newSizes(srcW, srcH int, exact sideLengths, p Params) sizes {
	var s sizes
	s.areaW, s.areaH = p.Crop.pixelSize(srcW, srcH)
	s.exact = sideLengths{float64(s.areaW), float64(s.areaH)}
	if exact.w > 0 && s.areaW == srcW && s.areaH == srcH {
		s.exact = exact
	}
	if p.Adaptive && (s.areaW > s.areaH) != (p.Width > p.Height) {
		p.Width, p.Height = p.Height, p.Width
	}
	s.scaleFactors(p)
	s.applyFactors(p)
	s.limitSide(p)
	return s
}

// scaleFactors gives the factors for both axes and the DPR that is really applied:
// without Enlarge it is lowered until the result fits the source.
func (s *sizes) scaleFactors(p Params) {
	srcW, srcH := s.exact.w, s.exact.h
	w, h := shrinkFactors(srcW, srcH, p)
	w /= orOne(p.ZoomX)
	h /= orOne(p.ZoomY)
	s.dpr = orOne(p.DPR)
	if !p.Enlarge {
		if least := math.Min(w, h); least < 1 {
			w /= least
			h /= least
			// The canvas of an extension keeps its composition at any DPR.
			if !p.Extend.On {
				s.dpr /= least
			}
		}
		s.dpr = math.Min(s.dpr, math.Min(w, h))
	}
	if most := srcW / float64(p.MinWidth); p.MinWidth > 0 && most < w {
		h /= w / most
		w = most
	}
	if most := srcH / float64(p.MinHeight); p.MinHeight > 0 && most < h {
		w /= h / most
		h = most
	}
	// No side becomes less than one pixel.
	s.sx, s.sy = 1/math.Min(w/s.dpr, srcW), 1/math.Min(h/s.dpr, srcH)
}

// shrinkFactors gives source over target for both axes, before zoom, DPR and Enlarge.
func shrinkFactors(srcW, srcH float64, p Params) (w, h float64) {
	dstW, dstH := float64(p.Width), float64(p.Height)
	if p.Width == 0 {
		dstW = srcW
	}
	if p.Height == 0 {
		dstH = srcH
	}
	w, h = srcW/dstW, srcH/dstH
	mode := p.Mode
	if mode == Auto {
		mode = Fit
		if (srcW >= srcH) == (dstW >= dstH) {
			mode = Fill
		}
	}
	switch {
	case mode == Force:
	case p.Width == 0:
		w = h
	case p.Height == 0:
		h = w
	case mode == Fit:
		w = math.Max(w, h)
		h = w
	default:
		w = math.Min(w, h)
		h = w
	}
	return w, h
}

// applyFactors turns factors into pixels.
func (s *sizes) applyFactors(p Params) {
	s.targetW, s.targetH = askedSide(p.Width, s.dpr*orOne(p.ZoomX)), askedSide(p.Height, s.dpr*orOne(p.ZoomY))
	s.scaledW, s.scaledH = scaledSide(s.exact.w, s.sx), scaledSide(s.exact.h, s.sy)
	s.cropW, s.cropH = s.targetW, s.targetH
	if p.Mode == Cover {
		s.cropW, s.cropH = 0, 0
	}
	if p.Mode == FillDown && !p.Enlarge && s.targetW > 0 && s.targetH > 0 {
		overW, overH := float64(s.targetW)/float64(s.scaledW), float64(s.targetH)/float64(s.scaledH)
		switch {
		case overW > overH && overW > 1:
			s.cropW, s.cropH = s.scaledW, scaledSide(s.scaledW, float64(s.targetH)/float64(s.targetW))
		case overH > overW && overH > 1:
			s.cropW, s.cropH = scaledSide(s.scaledH, float64(s.targetW)/float64(s.targetH)), s.scaledH
		}
	}
	s.ratioW, s.ratioH = 0, 0
	if !p.ExtendRatio.On || s.targetW == 0 || s.targetH == 0 {
		return
	}
	w, h := s.croppedSize()
	overW, overH := float64(s.targetW)/float64(w), float64(s.targetH)/float64(h)
	switch {
	case overH > overW:
		s.ratioW, s.ratioH = w, scaledSide(w, float64(s.targetH)/float64(s.targetW))
	case overW > overH:
		s.ratioW, s.ratioH = scaledSide(h, float64(s.targetW)/float64(s.targetH)), h
	}
}

// croppedSize is the image's size after the crop: never more than there is.
func (s *sizes) croppedSize() (int, int) {
	w, h := s.scaledW, s.scaledH
	if s.cropW > 0 {
		w = min(w, s.cropW)
	}
	if s.cropH > 0 {
		h = min(h, s.cropH)
	}
	return w, h
}

// scaledPadding is in pixels of the result.
func (s *sizes) scaledPadding(p Padding) Padding {
	return Padding{scaledEven(p.Top, s.dpr), scaledEven(p.Right, s.dpr), scaledEven(p.Bottom, s.dpr),
		scaledEven(p.Left, s.dpr)}
}

// limitSide makes everything smaller where the result would be over MaxSide or
// what its format holds.
func (s *sizes) limitSide(p Params) {
	most := p.Format.sideLimit()
	if p.MaxSide > 0 {
		most = min(most, p.MaxSide)
	}
	// Once is enough but for rounding, which can leave a pixel or two too many.
	for range 4 {
		longer := s.longerSide(p)
		if longer <= most {
			return
		}
		by := float64(most) / float64(longer)
		if longer-most < 4 {
			by = float64(most-1) / float64(longer)
		}
		s.sx, s.sy = math.Max(s.sx*by, 1/s.exact.w), math.Max(s.sy*by, 1/s.exact.h)
		s.dpr *= by
		s.applyFactors(p)
	}
	// A canvas some pixels small does not follow its factors that finely.
	pad := s.scaledPadding(p.Padding)
	w, h := max(1, most-pad.Left-pad.Right), max(1, most-pad.Top-pad.Bottom)
	boxW, boxH := s.croppedSize()
	s.cropW, s.cropH = min(boxW, w), min(boxH, h)
	s.targetW, s.targetH = min(s.targetW, w), min(s.targetH, h)
	s.ratioW, s.ratioH = min(s.ratioW, w), min(s.ratioH, h)
}

// longerSide is the longer side of the result.
func (s *sizes) longerSide(p Params) int {
	w, h := s.croppedSize()
	if p.Extend.On {
		w, h = max(w, s.targetW), max(h, s.targetH)
	}
	if p.ExtendRatio.On {
		w, h = max(w, s.ratioW), max(h, s.ratioH)
	}
	pad := s.scaledPadding(p.Padding)
	return max(w+pad.Left+pad.Right, h+pad.Top+pad.Bottom)
}

// scaledSide is at least a pixel.
func scaledSide[T int | float64](side T, factor float64) int { return max(1, scaled0(side, factor)) }

// askedSide is at least a pixel, or 0 for a side that is not asked for: a side of none would not be cut.
func askedSide(side int, factor float64) int {
	if side == 0 {
		return 0
	}
	return scaledSide(side, factor)
}

func scaled0[T int | float64](side T, factor float64) int {
	return int(math.Round(float64(side) * factor))
}
