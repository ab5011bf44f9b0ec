package container

import (
	"math/bits"
	"slices"
)

// jxlPrefix is a canonical prefix code: how many codes there are of each length, and
// the symbols in the order of their codes.
type jxlPrefix struct {
	count   [jxlMaxPrefix + 1]uint16
	symbols []uint16
}

// newJXLPrefix makes a code of the length of each symbol's code.
func newJXLPrefix(lengths []uint8) (p jxlPrefix) {
	for length := 1; length <= jxlMaxPrefix; length++ {
		for symbol, n := range lengths {
			if int(n) == length {
				p.symbols = append(p.symbols, uint16(symbol))
				p.count[length]++
			}
		}
	}
	if len(p.symbols) == 1 { // which takes no bits
		p.count = [jxlMaxPrefix + 1]uint16{}
	}
	return p
}

func (p *jxlPrefix) readSymbol(r *jxlBits) uint32 {
	if len(p.symbols) <= 1 {
		if len(p.symbols) == 1 {
			return uint32(p.symbols[0])
		}
		return 0
	}
	var code, first, at int
	for _, n := range p.count[1:] {
		code |= int(r.bits(1))
		if i := code - first; i < int(n) {
			return uint32(p.symbols[at+i])
		}
		at += int(n)
		first = (first + int(n)) << 1
		code <<= 1
	}
	return 0
}

// readJXLPrefixes reads as many codes (§C.2.4).
func readJXLPrefixes(r *jxlBits, n int) ([]jxlPrefix, error) {
	sizes := make([]int, n)
	for i := range sizes {
		if sizes[i] = r.varLength(4) + 1; sizes[i] > 1<<jxlMaxPrefix {
			return nil, errJXLCode
		}
	}
	codes := make([]jxlPrefix, n)
	for i, size := range sizes {
		if size == 1 {
			continue
		}
		var ok bool
		if codes[i], ok = readJXLPrefix(r, size); !ok || r.short {
			return nil, errJXLCode
		}
	}
	return codes, nil
}

// readJXLPrefix reads a code as Brotli has it (RFC 7932 §3.4 and §3.5).
func readJXLPrefix(r *jxlBits, size int) (p jxlPrefix, ok bool) {
	skipped := int(r.bits(2))
	if skipped == 1 {
		return readJXLSimple(r, size)
	}
	order := [18]int{1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	lengths := make([]uint8, len(order))
	space, codes := 32, 0
	for _, symbol := range order[skipped:] {
		if space <= 0 {
			break
		}
		n := readJXLLengthOfLength(r)
		lengths[symbol] = n
		if n != 0 {
			space -= 32 >> n
			codes++
		}
	}
	if codes != 1 && space != 0 {
		return p, false
	}
	return readJXLLengths(r, newJXLPrefix(lengths), size)
}

// readJXLLengthOfLength reads a length by a fixed code: 00 is 0, 10 is 4, 01 is 3 (from
// the right), and so on.
func readJXLLengthOfLength(r *jxlBits) uint8 {
	switch r.bits(2) {
	case 0:
		return 0
	case 1:
		return 4
	case 2:
		return 3
	}
	if !r.bool() {
		return 2
	}
	if !r.bool() {
		return 1
	}
	return 5
}

// readJXLLengths reads the length of each symbol's code.
func readJXLLengths(r *jxlBits, code jxlPrefix, size int) (p jxlPrefix, ok bool) {
	const repeatLast, most = 16, 1 << jxlMaxPrefix
	lengths := make([]uint8, size)
	space, repeat := most, 0
	last, repeated := uint8(8), uint8(0)
	for at := 0; at < size && space > 0; {
		n := int(code.readSymbol(r))
		if r.short {
			return p, false
		}
		if n < repeatLast {
			repeat = 0
			lengths[at] = uint8(n)
			at++
			if n != 0 {
				last = uint8(n)
				space -= most >> n
			}
			continue
		}
		extra, length := n-14, uint8(0)
		if n == repeatLast {
			length = last
		}
		if repeated != length {
			repeat, repeated = 0, length
		}
		before := repeat
		if repeat > 0 {
			repeat = (repeat - 2) << extra
		}
		repeat += int(r.bits(extra)) + 3
		if at+repeat-before > size {
			return p, false
		}
		for range repeat - before {
			lengths[at] = repeated
			at++
			if repeated != 0 {
				space -= most >> repeated
			}
		}
	}
	return newJXLPrefix(lengths), space == 0
}

// readJXLSimple reads a code of one to four symbols.
func readJXLSimple(r *jxlBits, size int) (p jxlPrefix, ok bool) {
	width := bits.Len(uint(size - 1))
	n := int(r.bits(2)) + 1
	for range n {
		symbol := r.bits(width)
		if int(symbol) >= size {
			return p, false
		}
		p.symbols = append(p.symbols, uint16(symbol))
	}
	for i, a := range p.symbols {
		for _, b := range p.symbols[:i] {
			if a == b {
				return p, false
			}
		}
	}
	sorted := 0 // of the symbols, those from here on are in order
	switch n {
	case 2:
		p.count[1] = 2
	case 3:
		p.count[1], p.count[2] = 1, 2
		sorted = 1
	case 4:
		p.count[2] = 4
		if r.bool() {
			p.count = [jxlMaxPrefix + 1]uint16{1: 1, 2: 1, 3: 2}
			sorted = 2
		}
	}
	slices.Sort(p.symbols[sorted:])
	return p, true
}
