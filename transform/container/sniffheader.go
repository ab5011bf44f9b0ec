package container

import (
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// headerFormats are those of which SniffHeader knows the header: it stands at the beginning of the file.
var headerFormats = []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.JXL}

// HasHeader says whether SniffHeader may ever know the header of a file, by its first 32 bytes.
func HasHeader(b []byte) (f transform.Format, ok bool) {
	f, _ = formatOf(b)
	return f, slices.Contains(headerFormats, f)
}

// SniffHeader tells what image a file is, from its beginning alone, for callers that decode nothing. ok says that it
// is known, whatever follows: Format, Width, Height, Orientation, Frames, Bands, Bits, Alpha and Profile are then those
// that Sniff tells of the whole file, if it takes it. The other fields mean nothing.
//
// It knows JPEG, PNG, and JPEG XL and WebP without animation, but no WebP whose EXIF stands behind the image.
func SniffHeader(b []byte) (info transform.Info, ok bool) {
	format, ok := HasHeader(b)
	if !ok {
		return transform.Info{}, false
	}
	info = transform.Info{Format: format, Orientation: 1, Frames: 1, Bits: 8}
	switch format {
	case transform.JPEG:
		w := jpegWalk{b: b, at: 2, info: &info}
		ok = w.toFirstScan()
	case transform.PNG:
		ok = sniffPNGHeader(b, &info)
	case transform.WebP:
		ok = sniffWebPHeader(b, &info)
	case transform.JXL:
		ok = sniffJXLHeader(b, &info)
	}
	return info, ok
}

// toFirstScan walks over the header of the first scan: of what follows libjpeg and libvips take nothing but image data.
func (w *jpegWalk) toFirstScan() bool {
	for w.info.Scans == 0 {
		marker, ok := w.nextMarker()
		if !ok || marker == jpegEOI || marker == jpegSOI {
			return false
		}
		segment, ok := w.readSegment()
		if !ok || w.visitSegment(marker, segment) != nil {
			return false
		}
	}
	return w.info.Height > 0 // else it stands behind the scan (DNL)
}

// sniffPNGHeader walks the chunks to the image data. What stands behind it does not count.
func sniffPNGHeader(b []byte, info *transform.Info) bool {
	const start, headerChunk = len(pngSignature), 13 + 12
	data := firstIDAT(b)
	if len(b) < start+headerChunk || !hasMagic(b, data+4, "IDAT") ||
		pngHeader(b[start:start+headerChunk], info) != nil {
		return false
	}
	at, _ := pngChunks(b[:data], start+headerChunk, info)
	return at == data
}

// sniffWebPHeader walks the chunks to the image.
func sniffWebPHeader(b []byte, info *transform.Info) bool {
	w := webpWalk{info: info, short: true}
	const form = 12
	_ = w.walkChunks(b[form:]) // the error of what is not there
	w.countBands()
	return w.images > 0 && !w.animated && !w.hasEXIF
}

// sniffJXLHeader reads the header of the codestream.
func sniffJXLHeader(b []byte, info *transform.Info) bool {
	f, err := openJXL(b)
	if err != nil {
		return false
	}
	r := newJXLBits(b, f.pieces)
	h, err := readJXLHeader(r)
	if err != nil || r.short || h.animated || h.width == 0 || h.height == 0 {
		return false
	}
	h.fillInfo(info)
	return true
}
