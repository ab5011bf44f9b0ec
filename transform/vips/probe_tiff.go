package vips

import "encoding/binary"

// tinyTIFF is a grey image of probeSide in one strip. It has nothing that container.Decodable would leave out.
func tinyTIFF() []byte {
	const header, pixels = 8, probeSide * probeSide
	const short, long = 3, 4
	entries := [][3]uint32{
		{256, long, probeSide}, {257, long, probeSide}, {258, short, 8}, {259, short, 1}, {262, short, 1},
		{273, long, header}, {277, short, 1}, {278, long, probeSide}, {279, long, pixels},
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("II*\x00"), header+pixels)
	b = append(b, make([]byte, pixels)...)
	b = le.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = le.AppendUint16(le.AppendUint16(b, uint16(e[0])), uint16(e[1]))
		b = le.AppendUint32(le.AppendUint32(b, 1), e[2])
	}
	return append(b, 0, 0, 0, 0)
}
