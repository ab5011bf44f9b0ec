package container

import "encoding/binary"

// exifPrefix stands before the EXIF block in a JPEG segment (EXIF 2.32
// §4.7.2), and in a WebP chunk by a mistake that many encoders share.
const exifPrefix = "Exif\x00\x00"

// Tags of the first directory (EXIF 2.32 §4.6.4 and §4.6.5).
const (
	exifTagOrientation = 0x0112
	exifTagArtist      = 0x013B
	exifTagCopyright   = 0x8298
)

// exifStart is the byte order of an EXIF block and where its first directory is
// (TIFF 6.0, section 2); not ok where the block is no EXIF.
func exifStart(b []byte) (order binary.ByteOrder, dir uint64, ok bool) {
	switch {
	case len(b) < 8:
		return nil, 0, false
	case hasMagic(b, 0, "II*\x00"):
		order = binary.LittleEndian
	case hasMagic(b, 0, "MM\x00*"):
		order = binary.BigEndian
	default:
		return nil, 0, false
	}
	return order, uint64(order.Uint32(b[4:])), true
}

// exifEntries are those of the first directory of an EXIF block, by tag, with
// the tag cut off; none where it cannot be read. No other directory is
// visited, so directories that point at each other are harmless.
func exifEntries(b []byte) func(yield func(order binary.ByteOrder, tag uint16, entry []byte) bool) {
	return func(yield func(binary.ByteOrder, uint16, []byte) bool) {
		order, dir, ok := exifStart(b)
		if !ok {
			return
		}
		if dir+2 > uint64(len(b)) {
			return
		}
		entries := b[dir+2:]
		const size = 12
		for n := order.Uint16(b[dir:]); n > 0 && len(entries) >= size; n-- {
			if !yield(order, order.Uint16(entries), entries[2:size]) {
				return
			}
			entries = entries[size:]
		}
	}
}

// exifOrientation is 1 to 8. A block that cannot be read gives 1, because no image
// is refused for its EXIF.
func exifOrientation(b []byte) int {
	upright := 1
	exifEntries(b)(func(order binary.ByteOrder, tag uint16, entry []byte) bool {
		if tag != exifTagOrientation {
			return true
		}
		if o := inlineNumber(order, entry); o >= 1 && o <= 8 {
			upright = int(o)
		}
		return false
	})
	return upright
}

// exifRights says whether a block tells who made the image or whose it is.
func exifRights(b []byte) (found bool) {
	exifEntries(b)(func(_ binary.ByteOrder, tag uint16, _ []byte) bool {
		found = tag == exifTagArtist || tag == exifTagCopyright
		return !found
	})
	return found
}

// inlineNumber reads the first value of a directory entry whose tag is cut
// off: type, count, value. It takes every whole-number type, as libexif does,
// if the values are in the entry itself; else it gives 0.
func inlineNumber(order binary.ByteOrder, entry []byte) uint32 {
	count, value := order.Uint32(entry[2:]), entry[6:]
	switch typ := order.Uint16(entry); {
	case typ == 1 && count >= 1 && count <= 4: // BYTE
		return uint32(value[0])
	case (typ == 3 || typ == 8) && count >= 1 && count <= 2: // SHORT, SSHORT
		return uint32(order.Uint16(value))
	case (typ == 4 || typ == 9) && count == 1: // LONG, SLONG
		return order.Uint32(value)
	}
	return 0
}
