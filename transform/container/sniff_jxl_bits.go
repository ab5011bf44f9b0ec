package container

import "math"

// jxlBits reads the bits of a JPEG XL codestream from the lowest up (ISO/IEC 18181-1
// §B.2). The codestream may lie in pieces of the file. Reading past the end gives
// zeros and sets short, so that callers check once, at the end.
type jxlBits struct {
	file   []byte
	pieces []span
	next   int    // the piece behind cur
	cur    []byte // what is left of a piece
	used   int    // bits of cur[0] that were read
	pos    int64  // bits of the codestream that were read
	short  bool
}

func newJXLBits(file []byte, pieces []span) *jxlBits { return &jxlBits{file: file, pieces: pieces} }

// openPiece makes cur not empty, or says that there is no more.
func (r *jxlBits) openPiece() bool {
	for len(r.cur) == 0 {
		if r.next == len(r.pieces) {
			r.short = true
			return false
		}
		r.cur, _ = r.pieces[r.next].bytesIn(r.file)
		r.next++
	}
	return true
}

// bits reads a number of 0 to 32 bits.
func (r *jxlBits) bits(n int) uint32 {
	var v uint64
	for got := 0; got < n; {
		if !r.openPiece() {
			return 0
		}
		take := min(8-r.used, n-got)
		v |= uint64(r.cur[0]>>r.used&(1<<take-1)) << got
		got += take
		r.used += take
		r.pos += int64(take)
		if r.used == 8 {
			r.cur, r.used = r.cur[1:], 0
		}
	}
	return uint32(v)
}

func (r *jxlBits) bool() bool { return r.bits(1) == 1 }

// jxlDist is one of the four ways to write a number: so many bits, added to offset.
type jxlDist struct {
	offset uint32
	bits   int
}

// u32 reads a number in one of four ways (§B.2.2).
func (r *jxlBits) u32(a, b, c, d jxlDist) uint32 {
	way := [4]jxlDist{a, b, c, d}[r.bits(2)]
	return way.offset + r.bits(way.bits)
}

// u64 reads a number of variable length (§B.2.4).
func (r *jxlBits) u64() uint64 {
	switch r.bits(2) {
	case 0:
		return 0
	case 1:
		return 1 + uint64(r.bits(4))
	case 2:
		return 17 + uint64(r.bits(8))
	}
	v := uint64(r.bits(12))
	for shift := 12; r.bool(); shift += 8 {
		if shift == 60 {
			return v | uint64(r.bits(4))<<shift
		}
		v |= uint64(r.bits(8)) << shift
	}
	return v
}

// f16 reads a half float; one that is no number gives NaN (§B.2.5).
func (r *jxlBits) f16() float64 {
	const mantissa, exponents, bias = 10, 31, 15
	v := r.bits(16)
	sign := 1.0
	if v>>15 == 1 {
		sign = -1
	}
	exponent, m := int(v>>mantissa&exponents), float64(v&(1<<mantissa-1))
	switch exponent {
	case exponents:
		return math.NaN()
	case 0:
		return sign * math.Ldexp(m, 1-bias-mantissa)
	}
	return sign * math.Ldexp(m+1<<mantissa, exponent-bias-mantissa)
}

// enum reads a number of an enumeration (§B.2.6).
func (r *jxlBits) enum() uint32 {
	return r.u32(jxlDist{0, 0}, jxlDist{1, 0}, jxlDist{2, 4}, jxlDist{18, 6})
}

// skipName passes over the name of a channel or frame.
func (r *jxlBits) skipName() {
	size := r.u32(jxlDist{0, 0}, jxlDist{0, 4}, jxlDist{16, 5}, jxlDist{48, 10})
	for range size {
		r.bits(8)
	}
}

// skipExtensions passes over what later versions of the format may add (§B.3).
func (r *jxlBits) skipExtensions() {
	var size uint64
	for which := r.u64(); which != 0; which &= which - 1 {
		n := r.u64()
		size = min(size+n, math.MaxInt64/2)
		if n > math.MaxInt64/2 {
			r.short = true
			return
		}
	}
	for ; size >= 32 && !r.short; size -= 32 {
		r.bits(32)
	}
	r.bits(int(size % 32))
}

// alignToByte passes over the rest of a byte.
func (r *jxlBits) alignToByte() { r.bits(-r.used & 7) }

// skipBytes passes over whole bytes, from the beginning of one.
func (r *jxlBits) skipBytes(n uint64) {
	for n > 0 && r.openPiece() {
		take := min(n, uint64(len(r.cur)))
		r.cur = r.cur[take:]
		r.pos += int64(take) * 8
		n -= take
	}
}
