package transform

import (
	"math"
	"runtime"
)

const mib = 1 << 20

// The figures of this file are measured: the peak of a fresh worker's resident
// memory over the idle worker's, one job at a time, with libvips 8.14, glibc
// and one thread an image (cmd/pictor's calibration, make calibrate). Where a
// codec's source says what it allocates, that is the figure; the rest are the
// highest of a set of photo-like images of 0.1 to 80 megapixels. B/px are
// bytes for each pixel of the size that is named.
const (
	// jobStart is what every job takes besides its image: a thread's buffers,
	// tables, and what of the heap is touched by chance.
	jobStart = 1.5 * mib
	// margin is for what varies from run to run and from libvips to libvips.
	margin = 1.12
	// attention is what finding the place of a smart cut takes besides the frame:
	// the way down to an image of 32 pixels.
	attention = 1 * mib
)

// WorkingSet estimates, from above, the bytes that one result takes in a
// worker at its peak, over what the idle worker holds. The source itself is
// not in it: its pages are charged where they are kept. out says the format of
// the result and its quality; out.Format must be set.
//
// A job has two phases. First the decoder makes ready its first row, which for
// some codecs means the whole image. Then rows stream through the operations
// into the encoder, while the decoder keeps what it keeps. The larger counts.
// The sum saturates instead of overflowing.
func WorkingSet(info Info, g Geometry, out Params) int64 {
	w := CostInput{info.Used(out), g, out}
	opening, held := decodeBytes(w.Info, g)
	streaming := held + w.pipelineBytes(loadedRowBytes(w.Info, g)*w.sampleBytes()) + w.animationBytes()
	return wholeMebibytes(jobStart + margin*(max(opening, streaming)+metadataBytes(info)))
}

// pipelineBytes is what the operations behind the decoder take, and the encoder, with the rows that the decoder makes.
func (w CostInput) pipelineBytes(loaded float64) float64 {
	rows := loaded + rowBytes(w.Info, w.Plan, w.Out)*w.sampleBytes()
	b := w.heldBytes()
	if w.compares() {
		b += max(rows, encodeBytes(w), w.comparisonBytes())
	} else {
		b += rows + encodeBytes(w)
	}
	if w.Plan.SmartCut || w.Plan.SmartCrop {
		b += attention
	}
	for i := range options {
		if extra := options[i].ExtraBytes; extra != nil {
			b += extra(w)
		}
	}
	return b
}

// ResultBytes estimates, from above for photographs, the bytes of an encoded
// result: what a copy of it takes outside of the worker.
func ResultBytes(info Info, g Geometry, out Params) int64 {
	w := CostInput{info.Used(out), g, out}
	perPixel := 1.0
	if out.Format == PNG || out.Format == ICO {
		perPixel = 1.05 * w.resultBands()
	}
	if ResultFrames(info, out) > 1 {
		perPixel = out.encodedPerPixel()
	}
	return wholeMebibytes(perPixel*framePixels(info, g, out) + metadataBytes(info)/3)
}

// sampleBytes is how many bytes a sample has on its way through the pipeline.
func (w CostInput) sampleBytes() float64 {
	if w.Out.Deep(w.Info) {
		return 2
	}
	return 1
}

// pixelBytes are the bytes of a pixel on its way.
func (w CostInput) pixelBytes() float64 {
	bands := bandsLoaded(w.Info)
	if w.Out.Monochrome.Intensity > 0 || w.Out.Watermark.On() || w.Out.Shift != [3]int{} {
		bands = max(bands, 3)
	}
	return bands * w.sampleBytes()
}

// resultAlpha says whether the result has transparency.
func (w CostInput) resultAlpha() bool {
	if _, opaque := w.Out.Background.Under(w.Out.Format); !w.Out.Format.HasAlpha() || opaque && !w.Out.hasMask() {
		return false
	}
	return w.Info.Alpha || w.Plan.Extends() || w.Out.hasMask()
}

// resultBands are the bytes of a pixel of the result.
func (w CostInput) resultBands() float64 {
	bands := w.pixelBytes()
	if w.resultAlpha() && !w.Info.Alpha || w.Plan.Extends() {
		bands += w.sampleBytes()
	}
	return bands
}

// heldBytes is the frame that is laid in memory where a step does not read
// from the top to the bottom. The first such step lays it there for all, but a
// blur has its own, and so has each effect behind another one.
func (w CostInput) heldBytes() float64 {
	g, frame := w.Plan, Rect{}
	blurs := w.Out.Blur > 0
	behind := max(w.Out.neighbourEffects()-1, 0)
	switch {
	case g.SmartCut:
		frame = g.Frame
	case g.SmartCrop:
		frame = Rect{Width: g.ScaledWidth, Height: g.ScaledHeight}
	case g.Turns():
		frame = g.Crop
	case w.Out.readsNeighbours():
		frame, blurs = g.Crop, false // it is the blur's, or there is none
	}
	if blurs {
		behind++
	}
	px := float64(frame.Width)*float64(frame.Height) + float64(behind)*float64(g.Crop.Width)*float64(g.Crop.Height)
	return px * w.pixelBytes()
}

// neighbourEffects counts those that read pixels beside the one they make.
func (p Params) neighbourEffects() (n int) {
	for _, on := range []bool{p.Blur > 0, p.Sharpen > 0, p.Pixelate > 1} {
		if on {
			n++
		}
	}
	return n
}

// readsNeighbours says whether an effect reads pixels beside the one it makes.
func (p Params) readsNeighbours() bool { return p.neighbourEffects() > 0 }

// blockBytes is what the operations of an effect hold of blocks of 128 pixels a
// side, which is all there is of a small image: so much for each pixel, but
// no more than most, in bytes.
func (w CostInput) blockBytes(perPixel, most float64) float64 {
	return math.Min(perPixel*float64(w.Plan.Picture.Width)*float64(w.Plan.Picture.Height), most)
}

// wholeMebibytes rounds up to whole mebibytes. A quarter of what an int64 holds is
// more than any machine has, and leaves room for adding two.
func wholeMebibytes(b float64) int64 {
	const most = math.MaxInt64 / 4 / mib * mib
	if b >= most {
		return most
	}
	return (int64(b) + mib - 1) / mib * mib
}

func depthBytes(info Info) float64 {
	if info.Bits > 8 {
		return 2
	}
	return 1
}

// bandsLoaded is how many bands the decoder gives: those of most formats make
// grey into colour.
func bandsLoaded(info Info) float64 {
	switch info.Coding() {
	case JPEG, PNG, TIFF, BMP:
		return float64(max(info.Bands, 1))
	}
	return float64(max(info.Bands, 3))
}

func loadPixels(g Geometry) float64 { return float64(g.LoadWidth) * float64(g.LoadHeight) }

// metadataBytes is for profiles and the like: libjpeg and libvips each keep a
// copy (twice the file's bytes were measured), and who uses it makes a third.
func metadataBytes(info Info) float64 { return 3 * float64(info.AncillaryBytes) }

// decodeBytes is what the decoder takes until its first row is ready, and what
// it holds from then on besides rows.
func decodeBytes(info Info, g Geometry) (opening, held float64) {
	if info.Stacked > 1 && info.Format.Animates() {
		return stackBytes(info, g)
	}
	px := float64(info.Pixels())
	depth := depthBytes(info)
	switch info.Coding() {
	case JPEG:
		// An image of several scans is kept as coefficients, at full size
		// whatever the shrink (jdcoefct.c).
		held = float64(info.CoefficientBytes) + inkTableBytes(info)
		return held, held
	case PNG:
		if info.Interlaced {
			held = px * float64(info.Bands) * depth
		}
		return held, held
	case WebP:
		return webpDecodeBytes(info, g)
	case GIF:
		// The canvas, and once more for frames that ask for what was before
		// them (nsgif's prev_frame).
		return 8 * px, 8 * px
	case SVG:
		held = drawingBytes(info, g)
		return held, held
	case JXL:
		return jxlBytes(info)
	case TIFF:
		held = tiffBytes(info)
		return held, held
	case BMP:
		held = px * float64(info.Bands) // package bitmap has it whole
		return held, held
	case HEIC:
		return heicBytes(info)
	default: // AVIF, and whatever we know nothing better of
		return avifBytes(info)
	}
}

// dav1dThreads is DAV1D_MAX_THREADS.
const dav1dThreads = 256

// avifBytes: dav1d's planes, libheif's copy of them, and its way from there to
// interleaved colour, of which only the end is kept. Planes of full colour take
// another way, by 13.4 B/px instead of 7.1. Both work in whole blocks, which
// shows where an image is narrow.
func avifBytes(info Info) (opening, held float64) {
	// dav1d has a thread for each processor: 250 KiB by one measurement.
	threads := float64(min(runtime.NumCPU(), dav1dThreads)) * mib / 4
	return heifBytes(info, 7.1, 1.5*mib+threads)
}

// heifBytes is what decoding a HEIF takes, with so much for each pixel until the image is there, and so
// much whatever its size is.
func heifBytes(info Info, perPixel, always float64) (opening, held float64) {
	const block = 128
	px := float64(info.Width+block) * float64(info.Height+block) * depthBytes(info)
	opening, held = perPixel*px, 3*px
	if info.FullChroma {
		opening = 13.5 * px
	}
	if info.Alpha {
		opening += px
		held += px
	}
	return opening + always, held + always
}

// Rows that libvips holds where an image streams, as measured: its line caches
// keep about three times its buffer of 128 rows (vips_sequential,
// vips_linecache), and regions on their way from one to the next some more.
const (
	rowsLoaded  = 560
	rowsBetween = 110
	rowsShrunk  = 640
	// rowsShrunkAlpha is fewer, as rows that are multiplied by alpha have samples of
	// two or four bytes and are too large for the heap, where blocks leave gaps.
	rowsShrunkAlpha = 560
	// rowsOut are in the two buffers before the encoder.
	rowsOut = 256
)

// inkTableBytes are lcms' tables of the way out of CMYK; 5 MiB were measured.
func inkTableBytes(info Info) float64 {
	if info.Format == JPEG && info.Bands == 4 || info.Format == TIFF && info.hasInks() {
		return 6 * mib
	}
	return 0
}

// loadedRowBytes is the strip of rows behind the decoder, and what shows them in SDR. There is none of a bitmap, which
// is decoded as a whole.
func loadedRowBytes(info Info, g Geometry) float64 {
	bands := bandsLoaded(info)
	b := float64(g.LoadWidth) * bands * depthBytes(info) * math.Min(rowsLoaded, float64(g.LoadHeight))
	if info.Coding() == BMP {
		b = 0
	}
	b += toneMapBytes(info.Declared)
	if info.NarrowGrey || info.Premultiplied { // goes through samples of four bytes
		b += 4 * bands * float64(g.LoadWidth) * math.Min(rowsOut, float64(g.LoadHeight))
	}
	return b
}

// rowBytes is the strips of rows that stream through the operations: behind
// the box shrink and behind the reduction, each with the rows that it can have
// at most.
func rowBytes(info Info, g Geometry, out Params) float64 {
	bands := bandsLoaded(info)
	b := float64(rowsOut) * float64(g.ScaledWidth) * bands
	if g.ScaledWidth == g.Cut.Width && g.ScaledHeight == g.Cut.Height {
		return b
	}
	most, sample := float64(rowsShrunk), 1.0
	if info.Alpha {
		most, sample = rowsShrunkAlpha, 2
		if resizedInFloats(info, g, out) {
			sample = 4
		}
	}
	rows := math.Min(rowsBetween, float64(g.Cut.Height))
	if g.ScaledHeight < g.Cut.Height {
		rows += math.Min(most, float64(g.ScaledHeight))
	}
	// vips_resize leaves the last factor of two to the kernel.
	if shrink := g.Cut.Height / max(1, g.ScaledHeight) / 2; shrink > 1 {
		rows += math.Min(most, float64(g.Cut.Height)/float64(shrink))
	}
	return b + float64(g.Cut.Width)*bands*sample*rows
}

// resizedInFloats says whether libvips resizes an image with alpha. What has samples of 8 bits and becomes
// smaller in both directions is reduced by transform/vips, in samples of 16 bits.
func resizedInFloats(info Info, g Geometry, out Params) bool {
	return out.Linear || out.Deep(info) || g.ScaledWidth > g.Cut.Width || g.ScaledHeight > g.Cut.Height
}

// fineQuality is where both JPEG and AVIF are written with full colour, which
// doubles what their encoders hold (libvips' "auto" subsampling).
const fineQuality = 90

// encodeBytes is what the encoder holds, the encoded bytes included: they lie
// in memory until they are written.
func encodeBytes(w CostInput) float64 {
	px := float64(w.Plan.Width) * float64(w.Plan.Height)
	fine := w.Out.fullChroma()
	bands, alpha := w.resultBands(), w.resultAlpha()
	switch w.Out.Format {
	case JPEG:
		return px * jpegPerPixel(bands >= 3, fine)
	case PNG, ICO:
		return 1.05 * px * bands // what does not compress
	case WebP:
		return webpBytes(w, alpha)
	case GIF:
		// The quantiser: 14 B/px in its last step, and before it a histogram
		// of every colour, up to a number. White noise takes half as much again.
		return max(14*px, math.Min(46*px, 86*mib))
	case JXL:
		return jxlEncoderBytes(w)
	default: // AVIF, and whatever we know nothing better of
		b := 25.0
		if fine {
			b = 50
		}
		if alpha {
			b += 5
		}
		return 4*mib + px*b*w.sampleBytes()
	}
}

// jpegPerPixel: optimised coding keeps all coefficients, two bytes each
// (jccoefct.c); the rest is for the encoded bytes of grainy images.
func jpegPerPixel(colour, fine bool) float64 {
	switch {
	case colour && fine:
		return 8.5 // 6 at 4:4:4
	case colour:
		return 3.6 // 3 at 4:2:0
	case fine:
		return 3.5
	}
	return 2.5
}
