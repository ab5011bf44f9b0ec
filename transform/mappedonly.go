package transform

// MappedOnly is how many bytes the decoder maps at its peak and never writes to, and the encoder of out,
// whose Format is FormatUnknown where nothing is encoded. They take no memory, but a limit on mappings has
// to let them pass.
func MappedOnly(info Info, g Geometry, out Params) int64 {
	b := decoderMapsOnly(info, g)
	if out.Format == JXL {
		// libjxl's encoder maps half as much again as it uses: 23 B/px of 44 were seen.
		b += jxlEncoderBytes(CostInput{info, g, out}) / 2
	}
	return wholeMebibytes(b)
}

func decoderMapsOnly(info Info, g Geometry) float64 {
	px, load := float64(info.Pixels()), loadPixels(g)
	switch info.Format {
	case WebP:
		// libvips makes frames of four bytes when it reads the header and uses
		// others; 11 B/px were seen.
		b := 12 * load
		if info.Alpha && !info.Lossless {
			b += 3 * px
		}
		return b
	case AVIF, HEIC:
		return 3 * px * depthBytes(info) // 2.6 B/px were seen
	}
	return 0
}
