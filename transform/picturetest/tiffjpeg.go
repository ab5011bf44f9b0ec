package picturetest

import (
	"encoding/binary"
	"slices"
)

// TIFFOfJPEG is a TIFF of one strip in JPEG compression, said to be YCbCr of this size.
func TIFFOfJPEG(part []byte, w, h int) []byte { return TIFFOfJPEGs(w, h, part) }

// TIFFOfJPEGs is such a TIFF of several pages.
func TIFFOfJPEGs(w, h int, parts ...[]byte) []byte {
	to := tiffWriter{order: binary.LittleEndian, b: []byte("II*\x00\x00\x00\x00\x00")}
	link := 4
	for _, part := range parts {
		link = to.writePage(link, []TIFFField{
			TIFFLong(256, uint64(w)), TIFFLong(257, uint64(h)), TIFFShort(258, 8, 8, 8), TIFFShort(259, 7),
			TIFFShort(262, TIFFYCbCr), TIFFShort(277, 3), TIFFLong(278, uint64(h)), TIFFShort(530, 2, 2),
		}, [][]byte{slices.Clone(part)}, TIFFForm{})
	}
	return to.b
}
