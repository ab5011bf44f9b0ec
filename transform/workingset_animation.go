package transform

// Figures of animations: what their decoders and encoders hold besides those of one frame, in bytes for each
// pixel of a frame.
const (
	// canvasHeld is the canvas on which frames are laid.
	canvasHeld = 4
	// gifHeld are the frame before, as libvips compares with it, and the indices of three frames and their
	// changed part (cgif's queue).
	gifHeld = 4 + 4 + 3 + 1 + 1
	// webpHeld are the three canvases of libwebp's WebPAnimEncoder, the frame that libvips collects, and its
	// copy as ARGB beside its planes.
	webpHeld = 3*4 + 4 + 4 + 1.5
	// webpCopies is how often all encoded frames are in memory at the end: WebPMux collects and assembles them,
	// libvips takes that apart again for the metadata and assembles it once more.
	webpCopies = 4
	// sharpChroma is what libwebp's sharp subsampling takes.
	sharpChroma = 8
	// eachFrame is what is listed of a frame: where it lies in the file, its delay.
	eachFrame = 512
)

// framePixels are the pixels of all frames of the result.
func framePixels(info Info, g Geometry, out Params) float64 {
	return float64(ResultFrames(info, out)) * float64(g.Width) * float64(g.Height)
}

// encodedPerPixel estimates from above the bytes of a pixel in an animated result. The frames of a GIF are dithered,
// which hardly compresses.
func (p Params) encodedPerPixel() float64 {
	switch {
	case p.Format == GIF:
		return 1.1
	case p.WebP.Compression != Lossy:
		return 3.3
	case p.EffectiveQuality() > 84:
		return 1
	}
	return 0.5
}

// pageBytes is what a page of an animation takes besides one frame of it. The first one of a GIF is laid on no canvas.
func (w CostInput) pageBytes() float64 {
	switch {
	case w.Info.Format == WebP:
		return eachFrame * float64(w.Out.Page)
	case w.Info.Format == GIF && w.Out.Page > 0:
		return canvasHeld*float64(w.Info.OnePage().Pixels()) + eachFrame*float64(w.Out.Page)
	}
	return 0
}

// animationBytes is what an animated result takes besides one frame of it, and a page.
func (w CostInput) animationBytes() float64 {
	n := ResultFrames(w.Info, w.Out)
	if n == 1 {
		return w.pageBytes()
	}
	px := float64(w.Plan.Width) * float64(w.Plan.Height)
	b := eachFrame*float64(n) + px*w.resultBands()
	if w.Info.Format == WebP {
		opening, held := decodeBytes(w.Info, w.Plan) // each frame is decoded beside the encoder
		b += opening - held
	} else {
		b += canvasHeld * float64(w.Info.Pixels())
	}
	encoded := framePixels(w.Info, w.Plan, w.Out) * w.Out.encodedPerPixel()
	if w.Out.Format == GIF {
		return b + gifHeld*px + encoded
	}
	if w.Out.WebP.Compression == Lossy && !w.resultAlpha() {
		// What has not changed is made transparent, so that frames have an alpha all the same.
		b += webpBytes(w, true) - webpBytes(w, false)
	}
	if w.Out.WebP.Compression == Lossy && !w.Out.WebP.SmartSubsample {
		b += sharpChroma * px // it is always on
	}
	b += webpHeld*px + webpCopies*encoded
	if w.Out.Squeezes() {
		b += encoded // the best so far
	}
	return b
}
