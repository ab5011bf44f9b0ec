package transform

import "fmt"

// sideLimit is the largest side that the format can hold, in pixels.
func (f Format) sideLimit() int {
	switch f {
	case WebP:
		return 16383 // RFC 9649 §2.5: 14 bits
	case AVIF:
		return 16384 // the encoder's own limit
	case ICO:
		return 256 // a byte, of which 0 is 256
	}
	return MaxDimension
}

// Limits are what an operator allows. A zero field means no limit.
type Limits struct {
	// MaxPixels bounds width times height of a source's frame.
	MaxPixels int64
	// MaxFramePixels bounds those of a frame, where the result is an animation.
	MaxFramePixels int64
	// MaxFrames bounds the frames of a result, MaxAnimationPixels their pixels together, at
	// the size of the source. LongAnimation is what becomes of an animation with more.
	MaxFrames          int
	MaxAnimationPixels int64
	LongAnimation      LongAnimation
	// MaxOutputSide bounds both sides of a result, in pixels.
	MaxOutputSide int
	// Best bounds a choice between formats.
	Best BestBounds
}

// maxCoordinate is the longest side of any image in libvips
// (VIPS_MAX_COORD), those in the middle of the pipeline included.
const maxCoordinate = 10_000_000

// maxScans is the most scans of a JPEG. Encoders write about ten. Each more
// costs a decoder a pass over the whole image, which takes a few bytes to
// ask for (libjpeg-turbo's own advice is that applications limit it).
const maxScans = 500

// CheckSource refuses a source by its header; the error wraps ErrLimit.
func (l Limits) CheckSource(info Info) error {
	if max(info.Width, info.Height) > maxCoordinate {
		return fmt.Errorf("%w: the source is %dx%d; at most %d pixels per side are supported",
			ErrLimit, info.Width, info.Height, maxCoordinate)
	}
	if info.Format == SVG {
		return l.checkEmbedded(info) // its own size costs nothing, see CheckDrawing
	}
	if l.MaxPixels > 0 && info.Pixels() > l.MaxPixels {
		return fmt.Errorf("%w: the source is %dx%d, which is %.1f megapixels; "+
			"at most %.1f are allowed (--max-source-pixels)",
			ErrLimit, info.Width, info.Height, float64(info.Pixels())/1e6, float64(l.MaxPixels)/1e6)
	}
	if info.Scans > maxScans {
		return fmt.Errorf("%w: the source has %d JPEG scans; at most %d are allowed", ErrLimit, info.Scans, maxScans)
	}
	return nil
}

// CheckResult refuses a result by its planned size; the error wraps ErrLimit.
func (l Limits) CheckResult(g Geometry, f Format) error {
	side := max(g.Width, g.Height)
	if scaled := max(g.ScaledWidth, g.ScaledHeight); scaled > maxCoordinate {
		return fmt.Errorf("%w: resizing to %dx%d needs an intermediate image %d pixels long; "+
			"request a shape closer to that of the source",
			ErrLimit, g.Width, g.Height, scaled)
	}
	if l.MaxOutputSide > 0 && side > l.MaxOutputSide {
		return fmt.Errorf("%w: the result would be %dx%d; at most %d pixels per side are allowed (--max-output-side); "+
			"request a smaller width or height",
			ErrLimit, g.Width, g.Height, l.MaxOutputSide)
	}
	if side > f.sideLimit() {
		return fmt.Errorf("%w: the result would be %dx%d; %s allows at most %d pixels per side",
			ErrLimit, g.Width, g.Height, f, f.sideLimit())
	}
	return nil
}

// checkEmbedded refuses an SVG by the images inside of it.
func (l Limits) checkEmbedded(info Info) error {
	if n := info.Vector.ImagePixels; l.MaxPixels > 0 && n > l.MaxPixels {
		return fmt.Errorf("%w: the SVG has images of %.1f megapixels inside; at most %.1f are allowed "+
			"(--max-source-pixels)", ErrLimit, float64(n)/1e6, float64(l.MaxPixels)/1e6)
	}
	return nil
}

// CheckDrawing refuses an SVG by the size in which it is to be drawn for p; the error wraps ErrLimit. Other
// sources pass.
func (l Limits) CheckDrawing(info Info, g Geometry, p Params) error {
	if info.Format != SVG {
		return nil
	}
	width, height := g.LoadWidth, g.LoadHeight
	if p.Trim.On && info.Width > width { // the border is looked for at the natural size
		width, height = info.Width, info.Height
	}
	if n := int64(width) * int64(height); l.MaxPixels > 0 && n > l.MaxPixels || max(width, height) > maxCoordinate {
		return fmt.Errorf("%w: the SVG would be drawn in %dx%d, which is %.1f megapixels; "+
			"at most %.1f are allowed (--max-source-pixels); request a smaller width or height",
			ErrLimit, width, height, float64(n)/1e6, float64(l.MaxPixels)/1e6)
	}
	return nil
}
