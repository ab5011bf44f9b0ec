package container

// What the directories of an EXIF block may have together. Values may share
// bytes, and libexif copies each: a block of 64 KiB can become megabytes.
const (
	maxEXIFDirectories = 8
	maxEXIFEntries     = 4096
)

// exifTypes are the sizes of values by their type (EXIF 2.32 §4.6.2).
var exifTypes = [13]uint64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}

// exifBounded says whether a block can be read at little cost: its values take
// no more than twice its size.
func exifBounded(b []byte) bool {
	order, first, ok := exifStart(b)
	if !ok {
		return false
	}
	entries, size := 0, uint64(0)
	places := []uint64{first}
	for n := 0; n < len(places); n++ {
		dir := places[n]
		if dir == 0 || dir+2 > uint64(len(b)) {
			continue // there is none
		}
		rest := b[dir+2:]
		count := int(order.Uint16(b[dir:]))
		if entries += count; n == maxEXIFDirectories || entries > maxEXIFEntries {
			return false
		}
		for ; count > 0 && len(rest) >= 12; count-- {
			kind := order.Uint16(rest[2:])
			if int(kind) < len(exifTypes) {
				size += exifTypes[kind] * uint64(order.Uint32(rest[4:]))
			}
			switch order.Uint16(rest) {
			case 0x8769, 0x8825, 0xA005: // EXIF, GPS, interoperability
				places = append(places, uint64(order.Uint32(rest[8:])))
			}
			rest = rest[12:]
		}
		if n == 0 && len(rest) >= 4 {
			places = append(places, uint64(order.Uint32(rest))) // of the thumbnail
		}
		if size > 2*uint64(len(b)) {
			return false
		}
	}
	return true
}
