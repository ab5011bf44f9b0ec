package picturetest

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"image"
)

// GIFFrame is a frame of one colour: index 0 of GIFOnScreen's table.
type GIFFrame struct {
	At image.Rectangle
	// Transparent is the index of its transparent colour, less than 0 for none.
	Transparent int
}

// GIFOnScreen is a GIF of these frames on a logical screen of any size, whether
// they fit into it or not. Index 0 is red, and its background colour, 1, blue.
func GIFOnScreen(width, height int, frames ...GIFFrame) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte("GIF89a"), uint16(width))
	b = le.AppendUint16(b, uint16(height))
	b = append(b, 0x80, 1, 0, Red.R, Red.G, Red.B, Blue.R, Blue.G, Blue.B)
	for _, f := range frames {
		if f.Transparent >= 0 {
			b = append(b, '!', 0xf9, 4, 1, 0, 0, byte(f.Transparent), 0)
		}
		b = append(b, ',')
		for _, n := range []int{f.At.Min.X, f.At.Min.Y, f.At.Dx(), f.At.Dy()} {
			b = le.AppendUint16(b, uint16(n))
		}
		const codeSize = 2
		b = append(b, 0, codeSize)
		var data bytes.Buffer
		w := lzw.NewWriter(&data, lzw.LSB, codeSize)
		w.Write(make([]byte, f.At.Dx()*f.At.Dy()))
		w.Close()
		for data.Len() > 0 {
			block := data.Next(255)
			b = append(append(b, byte(len(block))), block...)
		}
		b = append(b, 0)
	}
	return append(b, ';')
}
