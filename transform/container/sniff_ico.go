package container

import (
	"encoding/binary"
	"math"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/bitmap"
)

const (
	icoMagic  = "\x00\x00\x01\x00"
	icoHeader = 6
	icoEntry  = 16
)

// icon is one image of an ICO.
type icon struct {
	data          []byte
	at            int
	width, height uint64
	bits          int
	png           bool
}

// isBetter says whether a decoder takes this one rather than the other: it has more pixels, or more colours.
func (i icon) isBetter(other icon) bool {
	if a, b := i.width*i.height, other.width*other.height; a != b {
		return a > b
	}
	return i.bits > other.bits
}

// readIcon reads the size of an image. The directory has it, too, but programs write what they like there.
func readIcon(data []byte) (i icon, ok bool) {
	const pngHead, bitmapHead = 26, 16
	i.data = data
	switch {
	case hasMagic(data, 0, pngSignature) && len(data) >= pngHead:
		i.png = true
		i.width, i.height = uint64(be32At(data, 16)), uint64(be32At(data, 20))
		i.bits = int(data[24]) * pngBands[data[25]].bands
	case len(data) >= bitmapHead:
		le := binary.LittleEndian
		i.width, i.height = uint64(le.Uint32(data[4:])), uint64(le.Uint32(data[8:])/2)
		i.bits = int(le.Uint16(data[14:]))
	default:
		return i, false
	}
	return i, i.width > 0 && i.height > 0
}

// chooseIcon finds the image with most pixels, and of those the one with most colours. All must be in the file: with
// an error the image that was found may be cut.
func chooseIcon(b []byte) (best icon, err error) {
	le := binary.LittleEndian
	if len(b) < icoHeader {
		return best, cutShort("the ICO ends in its header")
	}
	count := int(le.Uint16(b[4:]))
	if count == 0 {
		return best, malformedError("the ICO has no image")
	}
	if len(b) < icoHeader+icoEntry*count {
		return best, cutShort("the ICO ends in its directory")
	}
	for n := range count {
		entry := b[icoHeader+icoEntry*n:]
		size, at := int64(le.Uint32(entry[8:])), int64(le.Uint32(entry[12:]))
		end := int64(len(b))
		if at+size > end {
			at = min(at, end)
			size, err = end-at, cutShort("the ICO ends in the middle of an image")
		}
		if one, ok := readIcon(b[at : at+size]); ok && (best.data == nil || one.isBetter(best)) {
			best, best.at = one, int(at)
		}
	}
	if best.data == nil && err == nil {
		return best, malformedError("the ICO has no image")
	}
	return best, err
}

// sniffICO describes the image that is chosen.
func sniffICO(b []byte, info *transform.Info) error {
	one, err := chooseIcon(b)
	if err != nil {
		if side := max(one.width, one.height); side <= math.MaxInt32 {
			info.Width, info.Height = int(one.width), int(one.height)
		}
		return err
	}
	if one.png {
		err = sniffPNG(one.data, info)
		info.Format, info.Inside = transform.ICO, transform.PNG
		info.Frames = 1
		if err == nil && info.End > 0 {
			return malformedError("the PNG in the ICO has no end")
		}
		return err
	}
	info.Inside = transform.BMP
	m, err := bitmap.ReadIcon(one.data)
	describeBitmap(m, info)
	return bitmapError(err)
}

// Icon is an ICO of one PNG, of at most 256 pixels a side.
func Icon(png []byte, width, height int) []byte {
	le := binary.LittleEndian
	b := append([]byte(icoMagic), 1, 0, byte(width), byte(height), 0, 0) // 256 is written as 0
	b = le.AppendUint16(le.AppendUint16(b, 1), 32)
	b = le.AppendUint32(le.AppendUint32(b, uint32(len(png))), icoHeader+icoEntry)
	return append(b, png...)
}
