package vips

import "encoding/binary"

// tinyBMP is a black image of probeSide.
func tinyBMP() []byte {
	const headers, pixels = 14 + 40, probeSide * probeSide * 3
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("BM"), headers+pixels)
	for _, v := range []uint32{0, headers, 40, probeSide, probeSide, 1 | 24<<16} {
		b = le.AppendUint32(b, v)
	}
	return append(b, make([]byte, headers-len(b)+pixels)...)
}
