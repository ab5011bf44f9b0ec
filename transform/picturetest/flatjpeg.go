package picturetest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// FlatJPEG is a baseline JPEG of side by side pixels, a multiple of 8, whose
// components have the given samples, as they are stored. Identifiers count from
// ids. With adobe, 0 to 2, there is an Adobe segment that says so of its
// transform; it is -1 for none.
func FlatJPEG(side, adobe int, ids byte, samples ...byte) []byte {
	b := []byte{0xff, 0xd8}
	segment := func(marker byte, data ...byte) {
		b = append(b, 0xff, marker)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(data)+2)), data...)
	}
	if adobe >= 0 {
		segment(0xee, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), byte(adobe))...)
	}
	segment(0xdb, append([]byte{0}, slices.Repeat([]byte{8}, 64)...)...)
	n := byte(len(samples))
	frame := []byte{8, byte(side >> 8), byte(side), byte(side >> 8), byte(side), n}
	scan := []byte{n}
	for i := range n {
		frame = append(frame, ids+i, 0x11, 0)
		scan = append(scan, ids+i, 0)
	}
	segment(0xc0, frame...)
	// Differences of 0 to 8 bits have codes of four bits each, and the end of a
	// block is the only code of its table.
	segment(0xc4, append([]byte{0x00, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 1, 2, 3, 4, 5, 6, 7, 8)...)
	segment(0xc4, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	segment(0xda, append(scan, 0, 63, 0)...)
	var w jpegBits
	for block := range side / 8 * side / 8 {
		for _, v := range samples {
			diff := 0
			if block == 0 {
				diff = int(v) - 128 // a mean of 64 samples times 8, quantised by 8
			}
			size := 0
			for m := max(diff, -diff); m > 0; m >>= 1 {
				size++
			}
			w.appendBits(size, 4)
			if diff < 0 {
				diff += 1<<size - 1
			}
			w.appendBits(diff, size)
			w.appendBits(0, 1)
		}
	}
	w.appendBits(0x7f, 7)
	return append(append(b, w.out...), 0xff, 0xd9)
}

// jpegBits writes entropy-coded bits (T.81 F.1.2.3).
type jpegBits struct {
	out   []byte
	acc   uint32
	count int
}

func (w *jpegBits) appendBits(value, size int) {
	w.acc = w.acc<<size | uint32(value)
	for w.count += size; w.count >= 8; w.count -= 8 {
		c := byte(w.acc >> (w.count - 8))
		w.out = append(w.out, c)
		if c == 0xff {
			w.out = append(w.out, 0)
		}
	}
}

// RenamedJPEG gives the three components of a FlatJPEG other identifiers.
func RenamedJPEG(flat []byte, ids string) []byte {
	out := slices.Clone(flat)
	frame := bytes.Index(out, []byte{0xff, 0xc0}) + 10
	scan := bytes.Index(out, []byte{0xff, 0xda}) + 5
	for i := range 3 {
		out[frame+3*i], out[scan+2*i] = ids[i], ids[i]
	}
	return out
}
