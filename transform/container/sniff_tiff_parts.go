package container

import (
	"encoding/binary"
	"math"

	"github.com/pictor-proxy/pictor/transform"
)

// tiffParts are the strips or the tiles of a page.
type tiffParts struct {
	places, sizes tiffField
	tiled         bool
	// width and height are of a part, in pixels, and count is how many there are.
	width, height, count uint64
	// packed is the size of the largest, as it is stored.
	packed uint64
}

// What libvips takes for a possible tile (rtiff_header_read).
const (
	maxTileSide  = 10000
	maxTileBytes = 100_000_000
)

// parts reads the layout of the page.
func (d *tiffDirectory) parts() (p tiffParts, err error) {
	width, height := d.first(tiffWidth, 0), d.first(tiffHeight, 0)
	p.places, p.sizes = d.field(tiffStripOffsets), d.field(tiffStripCounts)
	p.width, p.height = width, min(d.first(tiffRowsPerStrip, math.MaxUint32), height)
	if p.tiled = d.has(tiffTileWidth); p.tiled {
		p.width, p.height = d.first(tiffTileWidth, 0), d.first(tiffTileHeight, 0)
		if d.has(tiffTileOffsets) {
			p.places = d.field(tiffTileOffsets)
		}
		if d.has(tiffTileCounts) {
			p.sizes = d.field(tiffTileCounts)
		}
	}
	if p.width == 0 || p.height == 0 {
		return p, malformedError("the TIFF has parts without pixels")
	}
	// Below 2^31 each, so that the product is a number.
	p.count = (width-1)/p.width + 1
	p.count *= (height-1)/p.height + 1
	switch {
	case p.tiled && d.separate():
		return p, notRead("TIFFs with separate planes of tiles are not supported")
	case p.tiled && (max(p.width, p.height) > maxTileSide || p.width*p.height*d.pixelBits()/8 > maxTileBytes):
		return p, notRead("TIFFs with tiles of this size are not supported")
	case d.separate():
		p.count *= d.first(tiffSamples, 1)
	}
	return p, nil
}

// pixelBits is how many bits a pixel has before compression.
func (d *tiffDirectory) pixelBits() uint64 { return d.first(tiffBits, 1) * d.first(tiffSamples, 1) }

// checkParts looks for the end of the file in the parts of a page that is not read.
func (d *tiffDirectory) checkParts() error {
	var ignored transform.Info
	if err := d.describeSize(&ignored); err != nil {
		return err
	}
	p, err := d.parts()
	if err != nil {
		return err
	}
	return d.checkPlaces(&p)
}

// checkPlaces looks whether all parts are in the file.
func (d *tiffDirectory) checkPlaces(p *tiffParts) error {
	switch {
	case p.places.count < p.count, p.sizes.count < p.count && !d.sizesAreKnown(p):
		return malformedError("the TIFF lists fewer parts than it has")
	case p.places.values == nil, p.sizes.count > 0 && p.sizes.values == nil:
		return cutShort("the TIFF ends before the list of its parts")
	}
	if d.work -= int(min(p.count, math.MaxInt32)); d.work < 0 {
		return malformedError("the pages of the TIFF share their parts")
	}
	for i := range p.count {
		place, size := d.valueAt(p.places, i), d.sizeAt(p, i)
		if place == 0 || size == 0 {
			return malformedError("the TIFF has parts without data")
		}
		if _, ok := d.slice(place, size); !ok {
			return cutShort("the TIFF ends in the middle of the image data")
		}
		p.packed = max(p.packed, size)
	}
	return nil
}

// sizesAreKnown says whether the parts of a page without their sizes have those of their pixels.
func (d *tiffDirectory) sizesAreKnown(p *tiffParts) bool {
	return p.sizes.count == 0 && d.first(tiffCompression, 1) == 1 && p.count == 1
}

func (d *tiffDirectory) sizeAt(p *tiffParts, i uint64) uint64 {
	if p.sizes.count == 0 {
		return p.height * ((p.width*d.pixelBits() + 7) / 8)
	}
	return d.valueAt(p.sizes, i)
}

// partBytes is what libvips makes of a part at once, of a row of tiles, or of a strip that is not read line by
// line (rtiff_header_read).
func (d *tiffDirectory) partBytes(p *tiffParts, info *transform.Info) int64 {
	const readByLine = 128
	compressed := d.first(tiffCompression, 1) != 1
	lines := p.height > readByLine && !d.separate() && d.first(tiffPhotometric, 0) != tiffYCbCr
	rows := p.height
	switch {
	case p.tiled:
	case lines, !compressed && p.count == 1 && !d.separate(): // libtiff cuts such a strip
		rows = 1
	}
	width := uint64(info.Width)
	if p.tiled {
		width = ((width-1)/p.width + 1) * p.width
	}
	// Samples beyond alpha are decoded, too.
	pixel := max(d.first(tiffSamples, 1), uint64(info.Bands)) * uint64(info.Bits/8)
	if d.first(tiffPhotometric, 0) == tiffLab {
		pixel *= 2
	}
	if rows*width > math.MaxInt64/pixel/2 {
		return math.MaxInt64 / 2
	}
	return int64(rows * width * pixel)
}

// checkJPEGs looks at the header of each part of a page with JPEG compression, as libtiff and libvips believe
// some of it, and at its end: libtiff only warns of one that is missing.
func (d *tiffDirectory) checkJPEGs(p *tiffParts, info *transform.Info) error {
	samples := d.first(tiffSamples, 1)
	if d.separate() {
		samples = 1
	}
	across := uint64(1)
	if p.tiled {
		across = uint64(info.Width-1)/p.width + 1
	}
	down := uint64(info.Height-1)/p.height + 1
	for i := range p.count {
		part, _ := d.slice(d.valueAt(p.places, i), d.sizeAt(p, i))
		rows := min(p.height, uint64(info.Height)-i/across%down*p.height)
		frame, ok := d.jpegFrame(part)
		switch {
		case d.work < 0:
			return malformedError("the parts of the TIFF are one in another")
		case !ok:
			return malformedError("a part of the TIFF is no JPEG that is supported")
		case frame.width != p.width || frame.height < rows || frame.height > p.height || frame.samples != samples:
			return malformedError("a part of the TIFF has another size than its JPEG")
		case !endsAsJPEG(part):
			return cutShort("a part of the TIFF ends in the middle of its JPEG")
		}
		if frame.progressive {
			// Coefficients of two bytes, in whole blocks.
			const block = 32
			all := 2 * samples * (frame.width + block) * (frame.height + block)
			info.CoefficientBytes = max(info.CoefficientBytes, int64(all))
		}
	}
	return nil
}

func endsAsJPEG(b []byte) bool {
	const padding = 16
	tail := b[max(0, len(b)-padding):]
	for i := len(tail) - 2; i >= 0; i-- {
		if tail[i] == 0xFF && tail[i+1] == jpegEOI {
			return true
		}
	}
	return false
}

type tiffJPEGFrame struct {
	width, height, samples uint64
	progressive            bool
}

// jpegFrame finds the header of the frame (T.81 annex B.2.2).
func (d *tiffDirectory) jpegFrame(b []byte) (f tiffJPEGFrame, ok bool) {
	if !hasMagic(b, 0, "\xff\xd8") {
		return f, false
	}
	for at := 2; at+4 <= len(b) && d.work >= 0; d.work-- {
		if b[at] != 0xFF {
			return f, false
		}
		marker := b[at+1]
		if marker == 0xFF {
			at++ // filling
			continue
		}
		size := int(binary.BigEndian.Uint16(b[at+2:]))
		segment := b[at+4 : max(min(at+2+size, len(b)), at+4)]
		switch {
		case marker >= 0xC0 && marker <= 0xC2:
			if len(segment) < 6 || segment[0] != 8 {
				return f, false
			}
			f.height = uint64(binary.BigEndian.Uint16(segment[1:]))
			f.width = uint64(binary.BigEndian.Uint16(segment[3:]))
			f.samples, f.progressive = uint64(segment[5]), marker == 0xC2
			return f, true
		case marker >= 0xC3 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC, marker == 0xDA,
			marker < 0xC0, size < 2:
			return f, false
		}
		at += 2 + size
	}
	return f, false
}
