package container

import (
	"fmt"
	"testing"
)

// sequenceOf is an OBU with a sequence header of a still image, of which the bits before the code points end in
// any place of a byte.
func sequenceOf(shift int, colour uint64, bits int) []byte {
	var w bitWriter
	w.put(1, 3) // 4:4:4
	w.put(3, 2)
	w.put(0, 5)
	w.put(uint64(7+shift), 4)
	w.put(15, 4)
	w.put(39, 8+shift)
	w.put(29, 16)
	w.put(0, 3+3)
	w.put(0, 1)
	w.put(colour, bits)
	w.put(0x5A5A, 16)
	return append([]byte{1<<3 | 2, byte(len(w.b))}, w.b...)
}

// Code points are written where they are, and nothing beside them. Without any there is no place, and where the
// samples are RGB what follows depends on them.
func TestHDRInASequenceHeader(t *testing.T) {
	const described, transfer, matrix = 1 << 24, 13 << 8, 6
	for shift := range 8 {
		for name, tc := range map[string]struct {
			colour uint64
			bits   int
			ok     bool
		}{
			"sRGB as YCbCr":  {described | 1<<16 | transfer | matrix, 25, true},
			"nothing as RGB": {described | 2<<16 | 2<<8, 25, true},
			"sRGB as RGB":    {described | 1<<16 | transfer, 25, false},
			"no description": {0, 1, false},
		} {
			t.Run(fmt.Sprint(name, ", ", shift), func(t *testing.T) {
				b := sequenceOf(shift, tc.colour, tc.bits)
				if got := declareAV1(b, 9, 16); got != tc.ok {
					t.Fatalf("declared: %v", got)
				}
				want := sequenceOf(shift, tc.colour, tc.bits)
				if tc.ok {
					want = sequenceOf(shift, described|9<<16|16<<8|tc.colour&0xFF, tc.bits)
				}
				if string(b) != string(want) {
					t.Errorf("%x, want %x", b, want)
				}
			})
		}
	}
}
