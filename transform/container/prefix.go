package container

// maxWalked is the longest image without its end of which the data is walked, in
// bytes. Sniff runs in the server, where nothing ends it: a megabyte takes some
// 60 ms.
const maxWalked = 16 << 20

// mayWalk says whether the data of an image without its end may be walked.
func mayWalk(b []byte) bool { return len(b) <= maxWalked }

// maxPrefixBits is the longest code of JPEG (T.81 annex C); DEFLATE has 15.
const maxPrefixBits = 16

// prefixCode is a canonical Huffman code as JPEG (T.81 annex C) and DEFLATE
// (RFC 1951 §3.2.2) describe theirs: how many codes there are of each length,
// and the symbols in the order of their codes.
type prefixCode struct {
	count   [maxPrefixBits + 1]uint16
	symbols [288]uint16
}

// valid says whether no length has more codes than it can have, and whether
// there is a code at all.
func (c *prefixCode) valid() bool {
	left, any := 1, false
	for _, n := range c.count[1:] {
		left = left<<1 - int(n)
		if left < 0 {
			return false
		}
		any = any || n > 0
	}
	return any
}

// codeOf is the code of a symbol and its length, 0 where it has none.
func (c *prefixCode) codeOf(symbol uint16) (code, bits int) {
	at := 0
	for bits = 1; bits <= maxPrefixBits; bits++ {
		n := int(c.count[bits])
		for i := range n {
			if c.symbols[at+i] == symbol {
				return code + i, bits
			}
		}
		at += n
		code = (code + n) << 1
	}
	return 0, 0
}

// prefixRead follows one code bit by bit.
type prefixRead struct{ code, first, at int }

// nextBit takes the next bit of a code, the bits-th; ok once the code is whole.
func (p *prefixRead) nextBit(c *prefixCode, bits, bit int) (symbol uint16, ok bool) {
	p.code |= bit
	n := int(c.count[bits])
	if i := p.code - p.first; i < n {
		return c.symbols[p.at+i], true
	}
	p.at += n
	p.first = (p.first + n) << 1
	p.code <<= 1
	return 0, false
}
