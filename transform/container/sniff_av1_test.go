package container

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// bitWriter is a writer of bit fields for AV1 headers.
type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) put(value uint64, size int) {
	for i := size - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(value>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// av1Still is a sequence header of a still image.
func av1Still(width, height, depth int, mono bool) []byte {
	var w bitWriter
	w.put(profileOf(depth), 3)
	w.put(3, 2) // still, reduced header
	w.put(0, 5)
	w.size(width, height)
	w.put(0, 3+3)
	w.colour(depth, mono)
	return w.b
}

// av1FullColour is one of profile 1, which is 4:4:4.
func av1FullColour(width, height int) []byte {
	b := av1Still(width, height, 8, false)
	b[0] |= 1 << 5
	return b
}

func profileOf(depth int) uint64 {
	if depth == 12 {
		return 2
	}
	return 0
}

func (w *bitWriter) size(width, height int) {
	w.put(15, 4)
	w.put(15, 4)
	w.put(uint64(width-1), 16)
	w.put(uint64(height-1), 16)
}

func (w *bitWriter) colour(depth int, mono bool) {
	if depth == 8 {
		w.put(0, 1)
	} else {
		w.put(1, 1)
	}
	if depth == 12 {
		w.put(1, 1)
	}
	if mono {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
	w.put(0b0011, 4) // no description, narrow range, 4:2:0 if 12 bits have to say so
	w.put(0xAAAA, 16)
}

// av1Choice writes a sequence header of a moving image, with every optional
// field that it has a bit for.
type av1Choice struct {
	bitWriter
	bits int
}

func (c *av1Choice) flag(bit int) bool {
	c.put(uint64(c.bits>>bit&1), 1)
	return c.bits&(1<<bit) != 0
}

func (c *av1Choice) timing() {
	var model bool
	if c.flag(0) {
		c.put(0x0123456789ABCDEF, 64)
		if c.flag(1) {
			c.put(0b00111, 5) // two zeros, and so two more bits
		}
		if model = c.flag(2); model {
			c.put(9, 5) // delays of 10 bits
			c.put(0xFFFFFFFF, 32)
			c.put(0x3FF, 10)
		}
	}
	delay := c.flag(3)
	c.put(2, 5)
	for point := range uint64(3) {
		c.put(0xFFF, 12)
		c.put(7+point, 5)
		if point > 0 {
			c.put(1, 1) // a tier, above level 7
		}
		odd := point & 1
		if model {
			c.put(odd, 1)
			c.put(0x1FFFFF, 21*int(odd))
		}
		if delay {
			c.put(odd, 1)
			c.put(0xF, 4*int(odd))
		}
	}
}

func (c *av1Choice) tools() {
	c.put(0xF, 4)
	hint := c.flag(5)
	if hint {
		c.put(3, 2)
	}
	if c.flag(6) {
		if !c.flag(7) { // the tools are chosen, and perhaps the vectors
			c.put(1, 1)
		}
	} else {
		c.put(0, 1) // the tools are off: no word on vectors
	}
	if hint {
		c.put(7, 3)
	}
}

func TestAV1SequenceHeadersAreReadWhateverTheyHold(t *testing.T) {
	for bits := range 1 << 8 {
		c := av1Choice{bits: bits}
		c.put(2, 3)
		c.put(0, 2)
		c.timing()
		c.size(4000, 3000)
		if c.flag(4) {
			c.put(0x7F, 7)
		}
		c.put(7, 3)
		c.tools()
		c.put(7, 3)
		c.colour(12, true)
		r := bitReader{b: c.b}
		want := av1Sequence{4000, 3000, 12, true, false, codePoints{}, true}
		if got := readAV1Sequence(&r); got != want || r.short {
			t.Fatalf("choice %08b: %+v, short %v", bits, got, r.short)
		}
	}
}

func TestAV1SizeOfColourIsRead(t *testing.T) {
	const (
		noDescription = 0<<1 | 0 // and narrow range
		sRGB          = 1<<24 | 1<<16 | 13<<8 | 0
		otherRGB      = 1<<24 | 9<<16 | 16<<8 | 0
	)
	for name, tc := range map[string]struct {
		profile, depth uint64 // depth as the bits that say it
		depthSize      int
		colour         uint64
		colourSize     int
		full           bool
		code           codePoints
	}{
		"4:2:0":                      {0, 0, 1, 0b0<<2 | noDescription, 3, false, codePoints{}},
		"4:2:0 of 10 bits":           {0, 1, 1, 0b0<<2 | noDescription, 3, false, codePoints{}},
		"grey":                       {0, 0, 1, 0b1<<2 | noDescription, 3, false, codePoints{}},
		"4:4:4":                      {1, 0, 1, noDescription, 2, true, codePoints{}},
		"4:4:4 of 10 bits":           {1, 1, 1, noDescription, 2, true, codePoints{}},
		"4:2:2 of 8 bits":            {2, 0, 1, noDescription, 3, true, codePoints{}},
		"4:2:2 of 10 bits":           {2, 0b10, 2, noDescription, 3, true, codePoints{}},
		"4:2:0 of 12 bits":           {2, 0b11, 2, noDescription<<2 | 0b11, 5, false, codePoints{}},
		"4:2:2 of 12 bits":           {2, 0b11, 2, noDescription<<2 | 0b10, 5, true, codePoints{}},
		"4:4:4 of 12 bits":           {2, 0b11, 2, noDescription<<1 | 0, 4, true, codePoints{}},
		"4:4:4 of 12 bits, as RGB":   {2, 0b11, 2, sRGB, 26, true, codePoints{primaries: 1, transfer: 13, given: true}},
		"4:2:0 of 12 bits, by words": {2, 0b11, 2, otherRGB<<3 | 0b011, 29, false, codePoints{primaries: 9, transfer: 16, given: true}},
		"4:2:0 by words":             {0, 0, 1, otherRGB<<1 | 0, 27, false, codePoints{primaries: 9, transfer: 16, given: true}},
		"4:4:4 by words":             {1, 0, 1, otherRGB<<1 | 0, 26, true, codePoints{primaries: 9, transfer: 16, given: true}},
		"4:4:4 as RGB":               {1, 0, 1, sRGB, 25, true, codePoints{primaries: 1, transfer: 13, given: true}},
		"grey by words":              {0, 0, 1, 1<<26 | otherRGB<<1 | 0, 27, false, codePoints{primaries: 9, transfer: 16, given: true}},
		"grey of 12 bits":            {2, 0b11, 2, 1<<2 | noDescription, 3, false, codePoints{}},
	} {
		var w bitWriter
		w.put(tc.profile, 3)
		w.put(3, 2)
		w.put(0, 5)
		w.size(40, 30)
		w.put(0, 3+3)
		w.put(tc.depth, tc.depthSize)
		w.put(tc.colour, tc.colourSize)
		r := bitReader{b: w.b}
		if s := readAV1Sequence(&r); s.full != tc.full || s.code != tc.code || r.short {
			t.Errorf("%s: %+v, short %v", name, s, r.short)
		}
	}
}

func TestAV1UnitsAreSplitByTheirSizes(t *testing.T) {
	header := av1Still(5, 4, 8, false)
	size := byte(len(header))
	for name, tc := range map[string]struct {
		b    []byte
		seen int
		ok   bool
	}{
		"nothing":                {nil, 0, true},
		"with a size":            {append([]byte{1<<3 | 2, size}, header...), 1, true},
		"without a size":         {append([]byte{1 << 3}, header...), 1, true},
		"with an extension":      {append([]byte{1<<3 | 6, 0xFF, size}, header...), 1, true},
		"long form of the size":  {append([]byte{1<<3 | 2, size | 0x80, 0x80, 0}, header...), 1, true},
		"two":                    {slices.Concat([]byte{1<<3 | 2, size}, header, []byte{1 << 3}, header), 2, true},
		"other units":            {[]byte{2<<3 | 2, 0, 15<<3 | 2, 1, 0xFF}, 0, true},
		"no size where promised": {[]byte{1<<3 | 2}, 0, false},
		"no extension":           {[]byte{1<<3 | 4}, 0, false},
		"endless size":           {append([]byte{1<<3 | 2}, bytes.Repeat([]byte{0x80}, 12)...), 0, false},
		"size past the end":      {append([]byte{1<<3 | 2, size + 1}, header...), 0, false},
		"header breaks off":      {append([]byte{1<<3 | 2, 5}, header[:5]...), 0, false},
	} {
		seen := 0
		err := av1Sequences(pieces{list: [][]byte{tc.b}}, func(s av1Sequence) error {
			if s != (av1Sequence{5, 4, 8, false, false, codePoints{}, false}) {
				return fmt.Errorf("%+v", s)
			}
			seen++
			return nil
		})
		if (err == nil) != tc.ok || seen != tc.seen {
			t.Errorf("%s: %v, %d headers", name, err, seen)
		}
	}
}

func FuzzAV1Sequences(f *testing.F) {
	f.Add(av1Data(av1Still(5, 4, 12, true)))
	f.Add([]byte{1 << 3, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = av1Sequences(pieces{list: [][]byte{b}}, func(s av1Sequence) error {
			if s.width < 1 || s.width > 1<<16 || s.height < 1 || s.height > 1<<16 ||
				!slices.Contains([]int{8, 10, 12}, s.bits) {
				t.Fatalf("%+v", s)
			}
			return nil
		})
	})
}
