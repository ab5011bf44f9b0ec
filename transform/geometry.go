package transform

import (
	"fmt"
	"math"
)

// Rect is an area of a picture in pixels, from its left top corner.
type Rect struct{ Left, Top, Width, Height int }

// Geometry is the plan of one result's sizes, made from the header alone, so
// that the estimate and the pipeline follow the same numbers. The steps, in
// their order: decode (Load), resize (Scaled), crop (Crop), turn (Angle, then
// Flip), giving Width by Height. All but the last are in the orientation in
// which the picture is stored: the turn comes last because it needs the whole
// frame in memory, and by then the frame is small.
type Geometry struct {
	// Shrink is the reduction that the JPEG decoder does itself: 1, 2, 4 or 8.
	Shrink int
	// Scale is the reduction that the WebP decoder does itself, in (0, 1].
	Scale float64
	// LoadWidth and LoadHeight are about what the decoder yields (its rounding
	// may differ by one).
	LoadWidth, LoadHeight     int
	ScaledWidth, ScaledHeight int
	// Crop is inside the scaled picture; all of it when nothing is cut.
	Crop Rect
	// Angle is clockwise: 0, 90, 180 or 270. Flip mirrors left and right after it.
	Angle int
	Flip  bool
	// Width and Height are the result's.
	Width, Height int
}

// Turns says whether pixels change places, which needs the frame in memory.
func (g Geometry) Turns() bool { return g.Angle != 0 || g.Flip }

// NewGeometry plans p for a picture. The arithmetic, rounding included, is
// imgproxy's documented one, so that its users get the sizes they know.
func NewGeometry(info Info, p Params) Geometry {
	g := Geometry{Shrink: 1, Scale: 1}
	g.Angle, g.Flip = turn(info.Orientation, p)
	srcW, srcH := info.Width, info.Height
	if g.Angle%180 != 0 {
		srcW, srcH = srcH, srcW
	}
	sx, sy, dpr := scales(float64(srcW), float64(srcH), p)
	upW, upH := scaled(srcW, sx), scaled(srcH, sy)
	cropW, cropH := cropSize(p, dpr, upW, upH)
	crop := anchor(p.Gravity, upW, upH, cropW, cropH)
	g.Width, g.Height = crop.Width, crop.Height

	g.ScaledWidth, g.ScaledHeight = upW, upH
	if g.Angle%180 != 0 {
		g.ScaledWidth, g.ScaledHeight = upH, upW
	}
	g.Crop = g.stored(crop, upW)
	g.planLoad(info)
	return g
}

// turn joins EXIF's orientation (EXIF 2.3, tag 0x0112) with the asked
// rotation. A mirrored picture turns the other way round: turning after a
// flip is flipping after the opposite turn.
func turn(orientation int, p Params) (angle int, flip bool) {
	if !p.IgnoreOrientation {
		switch orientation {
		case 3, 4:
			angle = 180
		case 5, 6:
			angle = 90
		case 7, 8:
			angle = 270
		}
		flip = orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7
	}
	if flip {
		return (angle - p.Rotate + 360) % 360, true
	}
	return (angle + p.Rotate) % 360, false
}

// scales gives the factors for both axes and the DPR that is really applied:
// without Enlarge it is lowered until the result fits the source.
func scales(srcW, srcH float64, p Params) (sx, sy, dpr float64) {
	shrinkW, shrinkH := shrinks(srcW, srcH, p)
	dpr = p.DPR
	if dpr == 0 {
		dpr = 1
	}
	if !p.Enlarge {
		if least := math.Min(shrinkW, shrinkH); least < 1 {
			shrinkW /= least
			shrinkH /= least
			dpr /= least
		}
		dpr = math.Min(dpr, math.Min(shrinkW, shrinkH))
	}
	// No side becomes less than one pixel.
	shrinkW = math.Min(shrinkW/dpr, srcW)
	shrinkH = math.Min(shrinkH/dpr, srcH)
	return 1 / shrinkW, 1 / shrinkH, dpr
}

// shrinks gives source over target for both axes, before DPR and Enlarge.
func shrinks(srcW, srcH float64, p Params) (w, h float64) {
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

func scaled(side int, factor float64) int {
	return max(1, int(math.Round(float64(side)*factor)))
}

// cropSize is the box that the scaled picture is cut to: never more than there is.
func cropSize(p Params, dpr float64, w, h int) (int, int) {
	boxW, boxH := int(math.Round(float64(p.Width)*dpr)), int(math.Round(float64(p.Height)*dpr))
	if p.Mode == FillDown && boxW > 0 && boxH > 0 {
		overW, overH := float64(boxW)/float64(w), float64(boxH)/float64(h)
		switch {
		case overW > overH && overW > 1:
			boxW, boxH = w, scaled(w, float64(boxH)/float64(boxW))
		case overH > overW && overH > 1:
			boxW, boxH = scaled(h, float64(boxW)/float64(boxH)), h
		}
	}
	if boxW <= 0 || boxW > w {
		boxW = w
	}
	if boxH <= 0 || boxH > h {
		boxH = h
	}
	return boxW, boxH
}

// anchor places a box in a picture; an odd rest leans as imgproxy's does.
func anchor(g Gravity, w, h, boxW, boxH int) Rect {
	left, top := halfEven(w-boxW+1), halfEven(h-boxH+1)
	switch g {
	case West, NorthWest, SouthWest:
		left = 0
	case East, NorthEast, SouthEast:
		left = w - boxW
	}
	switch g {
	case North, NorthEast, NorthWest:
		top = 0
	case South, SouthEast, SouthWest:
		top = h - boxH
	}
	return Rect{min(left, w-boxW), min(top, h-boxH), boxW, boxH}
}

func halfEven(n int) int { return int(math.RoundToEven(float64(n) / 2)) }

// stored maps an area of the upright picture, upW wide, to the same area of
// the scaled picture as stored: the flip undone, then the turn.
func (g Geometry) stored(r Rect, upW int) Rect {
	if g.Flip {
		r.Left = upW - r.Left - r.Width
	}
	switch g.Angle {
	case 90:
		return Rect{r.Top, g.ScaledHeight - r.Left - r.Width, r.Height, r.Width}
	case 180:
		return Rect{g.ScaledWidth - r.Left - r.Width, g.ScaledHeight - r.Top - r.Height, r.Width, r.Height}
	case 270:
		return Rect{g.ScaledWidth - r.Top - r.Height, r.Left, r.Height, r.Width}
	}
	return r
}

// planLoad picks what the decoder can do by itself: the largest power of two
// that leaves at least the wanted pixels (JPEG), or the very factor (WebP).
func (g *Geometry) planLoad(info Info) {
	fw := float64(info.Width) / float64(g.ScaledWidth)
	fh := float64(info.Height) / float64(g.ScaledHeight)
	factor := math.Min(fw, fh)
	g.LoadWidth, g.LoadHeight = info.Width, info.Height
	switch info.Format {
	case JPEG:
		for g.Shrink < 8 && float64(g.Shrink*2) <= factor {
			g.Shrink *= 2
		}
		g.LoadWidth = (info.Width + g.Shrink - 1) / g.Shrink
		g.LoadHeight = (info.Height + g.Shrink - 1) / g.Shrink
	case WebP:
		// Frames of an animation may be smaller than the canvas, and then
		// the decoder refuses to scale.
		if factor > 1 && info.Frames == 1 {
			g.Scale = 1 / factor
			g.LoadWidth = scaled(info.Width, g.Scale)
			g.LoadHeight = scaled(info.Height, g.Scale)
		}
	}
}

// sideLimit is the largest side that the format can hold, in pixels.
func (f Format) sideLimit() int {
	switch f {
	case WebP:
		return 16383 // RFC 9649 §2.5: 14 bits
	case AVIF:
		return 16384 // the encoder's own limit
	}
	return MaxDimension
}

// Limits are what an operator allows. A zero field means no limit.
type Limits struct {
	// MaxPixels bounds width times height of a source's frame.
	MaxPixels int64
	// MaxFrames bounds the frames of a source.
	MaxFrames int
	// MaxOutputSide bounds both sides of a result, in pixels.
	MaxOutputSide int
}

// maxCoordinate is the longest side of any picture in libvips
// (VIPS_MAX_COORD), those in the middle of the pipeline included.
const maxCoordinate = 10_000_000

// maxScans is the most scans of a JPEG. Encoders write about ten. Each more
// costs a decoder a pass over the whole picture, which takes a few bytes to
// ask for (libjpeg-turbo's own advice is that applications limit it).
const maxScans = 500

// CheckSource refuses a source by its header; the error wraps ErrLimit.
func (l Limits) CheckSource(info Info) error {
	if max(info.Width, info.Height) > maxCoordinate {
		return fmt.Errorf("%w: the source is %dx%d; at most %d pixels a side can be worked on", ErrLimit, info.Width, info.Height, maxCoordinate)
	}
	if l.MaxPixels > 0 && info.Pixels() > l.MaxPixels {
		return fmt.Errorf("%w: the source is %dx%d, that is %.1f megapixels; at most %.1f are allowed (max-source-pixels)",
			ErrLimit, info.Width, info.Height, float64(info.Pixels())/1e6, float64(l.MaxPixels)/1e6)
	}
	if l.MaxFrames > 0 && info.Frames > l.MaxFrames {
		return fmt.Errorf("%w: the source has %d frames; at most %d are allowed (max-frames)", ErrLimit, info.Frames, l.MaxFrames)
	}
	if info.Scans > maxScans {
		return fmt.Errorf("%w: the source has %d scans; at most %d are allowed", ErrLimit, info.Scans, maxScans)
	}
	return nil
}

// CheckResult refuses a result by its planned size; the error wraps ErrLimit.
func (l Limits) CheckResult(g Geometry, f Format) error {
	side := max(g.Width, g.Height)
	if scaled := max(g.ScaledWidth, g.ScaledHeight); scaled > maxCoordinate {
		return fmt.Errorf("%w: on its way to %dx%d the picture would be %d pixels long; its sides are too different for that",
			ErrLimit, g.Width, g.Height, scaled)
	}
	if l.MaxOutputSide > 0 && side > l.MaxOutputSide {
		return fmt.Errorf("%w: the result would be %dx%d; at most %d pixels a side are allowed (max-output-side), so ask for a smaller width or height",
			ErrLimit, g.Width, g.Height, l.MaxOutputSide)
	}
	if side > f.sideLimit() {
		return fmt.Errorf("%w: the result would be %dx%d; %s holds at most %d pixels a side", ErrLimit, g.Width, g.Height, f, f.sideLimit())
	}
	return nil
}
