package transform

import "math"

const mib = 1 << 20

// WorkingSet estimates, from above, the bytes that one result takes in a
// worker at its peak, over what the idle worker holds. The source itself is
// not in it: its pages are charged where they are kept.
//
// The terms are measured bytes per pixel of libvips' decoders and encoders,
// by codec: the decoder's own frame, the rows in flight, the frame that a turn
// needs, and the encoder. The sum saturates instead of overflowing.
func WorkingSet(info Info, g Geometry, out Format) int64 {
	sum := decodeBytes(info, g) + rowBytes(info, g) + turnBytes(info, g) + encodeBytes(g, out)
	est := 1.25*sum + 4*mib
	if est >= math.MaxInt64/2 {
		return math.MaxInt64 / 2
	}
	return (int64(est) + mib - 1) / mib * mib
}

// sampleBytes is what one sample takes while it is worked on. Alpha is
// premultiplied in floating point.
func sampleBytes(info Info) float64 {
	switch {
	case info.Alpha:
		return 4
	case info.Bits > 8:
		return 2
	}
	return 1
}

// decodeBytes is what the decoder holds besides rows, whatever is read of it.
func decodeBytes(info Info, g Geometry) float64 {
	px, load := float64(info.Pixels()), float64(g.LoadWidth)*float64(g.LoadHeight)
	depth := 1.0
	if info.Bits > 8 {
		depth = 2
	}
	switch info.Format {
	case JPEG:
		// A picture of several scans is kept as coefficients, at full size
		// whatever the shrink.
		return 4*mib + 64*float64(g.LoadWidth)*float64(info.Bands) + float64(info.CoefficientBytes)
	case PNG:
		b := 4*mib + math.Min(float64(info.AncillaryBytes), 60*mib)
		if info.Interlaced {
			b += px * float64(info.Bands) * depth
		}
		return b
	case WebP:
		b := 4*mib + 8*load
		if info.Lossless {
			b += 4 * px
		} else if info.Alpha {
			b += 5 * px
		}
		return b
	case GIF:
		return 4*mib + 18*px
	default: // AVIF, and whatever we know nothing better of
		b := 5*mib + 9*depth*px
		if info.Alpha {
			b += 4 * depth * px
		}
		return b
	}
}

// rowBytes is the strip of rows that streams through the operations.
func rowBytes(info Info, g Geometry) float64 {
	return 4*mib + 600*float64(g.LoadWidth)*float64(info.Bands)*sampleBytes(info)
}

// turnBytes is the scaled and cropped frame, held for a turn.
func turnBytes(info Info, g Geometry) float64 {
	if !g.Turns() {
		return 0
	}
	return float64(g.Crop.Width) * float64(g.Crop.Height) * float64(max(info.Bands, 3))
}

// encodePerPixel is bytes per pixel of the result.
var encodePerPixel = [...]float64{
	FormatUnknown: 40,
	JPEG:          7, // optimised coding keeps all coefficients, 6 at 4:4:4
	PNG:           1,
	WebP:          10,
	GIF:           21,
	AVIF:          40,
}

// encodeBytes also counts the encoded bytes, which grow by doubling.
func encodeBytes(g Geometry, out Format) float64 {
	px := float64(g.Width) * float64(g.Height)
	return px*encodePerPixel[out.row()] + 3*px
}
