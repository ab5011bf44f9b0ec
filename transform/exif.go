package transform

import "encoding/binary"

// exifPrefix stands before the EXIF block in a JPEG segment (EXIF 2.32
// §4.7.2), and in a WebP chunk by a mistake that many encoders share.
const exifPrefix = "Exif\x00\x00"

// exifOrientation is tag 0x0112 of the first directory of an EXIF block
// (EXIF 2.32 §4.6.4): 1 to 8, and 1 for whatever cannot be read, as a picture
// is not worth refusing for its EXIF. No other directory is visited, so
// directories that point at each other are harmless.
func exifOrientation(b []byte) int {
	const upright = 1
	var order binary.ByteOrder
	switch {
	case hasMagic(b, 0, "II*\x00"):
		order = binary.LittleEndian
	case hasMagic(b, 0, "MM\x00*"):
		order = binary.BigEndian
	default:
		return upright
	}
	if len(b) < 8 {
		return upright
	}
	dir := uint64(order.Uint32(b[4:]))
	if dir+2 > uint64(len(b)) {
		return upright
	}
	entries := b[dir+2:]
	const entrySize = 12
	for n := order.Uint16(b[dir:]); n > 0 && len(entries) >= entrySize; n-- {
		if order.Uint16(entries) == 0x0112 {
			if o := inlineNumber(order, entries[2:entrySize]); o >= 1 && o <= 8 {
				return int(o)
			}
			return upright
		}
		entries = entries[entrySize:]
	}
	return upright
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
