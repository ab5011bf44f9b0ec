package transform

// Figures of libwebp's lossless encoder (src/enc/histogram_enc.c and vp8l_enc.c
// of libwebp 1.2), which codes lossless images and the alpha of lossy ones: it
// counts colours in tiles, and keeps two histograms of each.
const (
	// mostTiles is MAX_HUFF_IMAGE_SIZE: with more, tiles are made larger.
	mostTiles = 2600
	// smallestTile and largestTile are MIN_HUFFMAN_BITS and MAX_HUFFMAN_BITS.
	smallestTile, largestTile = 2, 9
	// colourTile is what a tile of colours takes, and alphaTile one of alpha,
	// for which there is no colour cache: 16.6 and 8.8 KiB measured.
	colourTile = 17 << 10
	alphaTile  = 9 << 10
)

// tileCount is how many an image is counted in. bits are the binary logarithm of a
// tile's side to begin with (GetHistoBits).
func tileCount(width, height, bits int) float64 {
	for bits = max(bits, smallestTile); ; bits++ {
		n := ceilShift(width, bits) * ceilShift(height, bits)
		if n <= mostTiles || bits >= largestTile {
			return float64(n)
		}
	}
}

func ceilShift(n, bits int) int { return (n + 1<<bits - 1) >> bits }

// method is libwebp's number of how hard it tries.
func (o WebPOptions) method() int {
	if o.Effort == 0 {
		return defaultWebPEffort
	}
	return o.Effort - 1
}

// webpDecodeBytes is what the decoder takes and holds: two frames of four bytes at the size that libwebp
// scales to. Before that, VP8L and the alpha plane's own VP8L are whole at full size, and VP8
// keeps some rows of it. (One with alpha is not scaled.)
func webpDecodeBytes(info Info, g Geometry) (opening, held float64) {
	px := float64(info.Pixels())
	if info.Frames > 1 {
		return animatedWebPBytes(info)
	}
	held = 8*loadPixels(g) + 64*float64(info.Width)
	switch {
	case info.Lossless:
		return held + 4*px, held
	case info.Alpha:
		return held + 5*px, held
	}
	return held, held
}

// animatedWebPBytes is the canvas, and beside it the frame that is being laid on it, of any size. Of its two images
// the second one is filled when the alpha plane is gone. 14.3 B/px were measured with alpha, 12 without.
func animatedWebPBytes(info Info) (opening, held float64) {
	px := float64(info.Pixels())
	frame := 8 * px
	if info.Alpha {
		frame = 10 * px
	}
	return canvasHeld*px + frame, canvasHeld * px
}

// webpBytes is what the WebP encoder holds.
func webpBytes(w CostInput, alpha bool) float64 {
	px := float64(w.Plan.Width) * float64(w.Plan.Height)
	method := w.Out.WebP.method()
	harder := 0.0 // ways through the image, and what each would cost
	if method > defaultWebPEffort {
		harder = 9 * px
	}
	if w.Out.WebP.Compression != Lossy {
		// The image, what predicts it, and chains of what was there before.
		return 33*px + harder + colourTile*tileCount(w.Plan.Width, w.Plan.Height, 7-method)
	}
	b := webpPerPixel(alpha && w.Info.Alpha, w.Out.highestQuality()) * px
	switch {
	case !alpha:
		return b
	case w.Info.Alpha:
	case w.Out.hasMask():
		b += 13 * px // an alpha of smooth edges
	default:
		b += 4 * px // of straight ones
	}
	// Alpha is a palette of its own, for which tiles begin larger.
	return b + harder + alphaTile*tileCount(w.Plan.Width, w.Plan.Height, 9-method)
}

// webpPerPixel: the planes, and tokens in proportion to the detail. The figures
// are of grain as of a camera at its limit; photographs in good light take half,
// white noise half as much again. Alpha is compressed without loss, with tables
// that dwarf all else.
func webpPerPixel(alpha bool, quality int) float64 {
	switch {
	case alpha:
		return 40
	case quality > 84:
		return 23
	}
	return 13
}
