package container

// jpegBits reads entropy-coded data: bits from the highest down, with a zero
// behind each 0xFF (T.81 F.1.2.3).
type jpegBits struct {
	b    []byte
	at   int // behind the last byte of which a bit was read
	last byte
	left int // bits of last
}

func (r *jpegBits) readBit() (int, bool) {
	if r.left == 0 {
		if r.at >= len(r.b) {
			return 0, false
		}
		r.last, r.left = r.b[r.at], 8
		if r.last == 0xFF {
			if r.at+1 >= len(r.b) || r.b[r.at+1] != 0 {
				r.left = 0
				return 0, false
			}
			r.at++
		}
		r.at++
	}
	r.left--
	return int(r.last>>r.left) & 1, true
}

func (r *jpegBits) readBits(n int) (v int, ok bool) {
	for range n {
		b, ok := r.readBit()
		if !ok {
			return 0, false
		}
		v = v<<1 | b
	}
	return v, true
}

func (r *jpegBits) skipBits(n int) bool {
	_, ok := r.readBits(n)
	return ok
}

func (r *jpegBits) readSymbol(c *prefixCode) (uint16, bool) {
	if c == nil {
		return 0, false
	}
	var p prefixRead
	for n := 1; n <= maxPrefixBits; n++ {
		b, ok := r.readBit()
		if !ok {
			return 0, false
		}
		if s, ok := p.nextBit(c, n, b); ok {
			return s, true
		}
	}
	return 0, false
}

// takeRestart takes the restart marker n, counted modulo 8.
func (r *jpegBits) takeRestart(n byte) bool {
	r.left = 0
	for r.at+1 < len(r.b) && r.b[r.at] == 0xFF && r.b[r.at+1] == 0xFF {
		r.at++
	}
	if !hasMagic(r.b, r.at, string([]byte{0xFF, jpegRST0 + n&7})) {
		return false
	}
	r.at += 2
	return true
}
