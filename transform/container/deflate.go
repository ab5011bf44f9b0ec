package container

import (
	"bytes"
	"math"
	"sync"
)

// deflateWalk counts what a zlib stream (RFC 1950, RFC 1951) in the IDAT chunks
// of a PNG inflates to, without inflating it: neither a window nor output.
type deflateWalk struct {
	in        idatBytes
	acc       byte
	left      int // bits of acc not read yet
	out, want uint64
	// codes and dist are those of the block; own is their place, where the block
	// brings them along.
	codes, dist *prefixCode
	own         [2]prefixCode
	// brought counts the blocks that bring codes.
	brought int
	// whole is set once want bytes are there, with what it takes to end the
	// stream just behind them.
	whole bool
	stop  deflateStop
	// ended says that the last block ended, and sum where its four bytes of
	// Adler-32 are in the file.
	ended  bool
	sum    [4]int
	summed bool
}

// deflateStop is a place between two symbols.
type deflateStop struct {
	at   int    // in the file, of the byte that the next bit goes into
	acc  byte   // the bits of it that are taken, from the lowest
	bits int    // how many
	out  uint64 // bytes out so far
	// code and size are the end of the block that is open, if it is one of
	// codes; final says that it is the last one.
	code, size int
	final      bool
	chunk      int // where the chunk's data begins
}

// idatBytes gives the bytes of consecutive IDAT chunks (PNG 3rd edition §11.2.3).
// The last may be cut.
type idatBytes struct {
	b     []byte
	at    int // of the next byte
	end   int // of what is there of this chunk
	start int // of this chunk's data
	next  int // the chunk after it
}

// enterChunk goes to the chunk at at; false where it is no IDAT.
func (r *idatBytes) enterChunk(at int) bool {
	const head, crc = 8, 4
	if len(r.b)-at < head || string(r.b[at+4:at+head]) != "IDAT" {
		return false
	}
	n := int64(be32At(r.b, at))
	if n > math.MaxInt32-2*crc {
		return false
	}
	r.at, r.start = at+head, at+head
	r.end = int(min(int64(r.at)+n, int64(len(r.b))))
	r.next = r.at + int(n) + crc
	return true
}

func (r *idatBytes) ReadByte() (byte, error) {
	for r.at >= r.end {
		if r.next > len(r.b) || !r.enterChunk(r.next) {
			return 0, errNoMore
		}
	}
	r.at++
	return r.b[r.at-1], nil
}

// walkStream goes to the end of the stream, or to the place where it is cut.
func (w *deflateWalk) walkStream() {
	const method, preset = 8, 0x20
	cmf, err := w.in.ReadByte()
	flags, err2 := w.in.ReadByte()
	if err != nil || err2 != nil || cmf&15 != method || cmf>>4 > 7 || flags&preset != 0 {
		return
	}
	if (uint(cmf)<<8|uint(flags))%31 != 0 {
		return
	}
	for final := false; !final; {
		head, ok := w.readBits(3)
		if !ok {
			return
		}
		final = head&1 != 0
		switch head >> 1 {
		case 0:
			ok = w.skipStored(final)
		case 1:
			w.codes, w.dist = fixedCodes()
			ok = w.walkBlock(final)
		case 2:
			ok = w.readDynamicCodes() && w.walkBlock(final)
		default:
			return
		}
		if !ok {
			return
		}
	}
	w.ended, w.left = true, 0
	for i := range w.sum {
		if _, err := w.in.ReadByte(); err != nil {
			return
		}
		w.sum[i] = w.in.at - 1
	}
	w.summed = true
}

// countOutput adds to the output, and marks the place where it is enough.
func (w *deflateWalk) countOutput(n uint64, final, coded bool) {
	w.out += n
	if w.whole || w.out < w.want {
		return
	}
	w.whole = true
	s := deflateStop{at: w.in.at, out: w.out, final: final, chunk: w.in.start}
	if w.left > 0 {
		s.at, s.bits = w.in.at-1, 8-w.left
		s.acc = w.in.b[s.at] & (1<<s.bits - 1)
	}
	if coded {
		s.code, s.size = w.codes.codeOf(endOfBlock)
	}
	w.stop = s
}

func (w *deflateWalk) readBit() (int, bool) {
	if w.left == 0 {
		c, err := w.in.ReadByte()
		if err != nil {
			return 0, false
		}
		w.acc, w.left = c, 8
	}
	v := int(w.acc & 1)
	w.acc >>= 1
	w.left--
	return v, true
}

// readBits reads a number from its lowest bit up.
func (w *deflateWalk) readBits(n int) (v int, ok bool) {
	for i := range n {
		b, ok := w.readBit()
		if !ok {
			return 0, false
		}
		v |= b << i
	}
	return v, true
}

func (w *deflateWalk) readSymbol(c *prefixCode) (int, bool) {
	var p prefixRead
	for n := 1; n <= maxPrefixBits; n++ {
		b, ok := w.readBit()
		if !ok {
			return 0, false
		}
		if s, ok := p.nextBit(c, n, b); ok {
			return int(s), true
		}
	}
	return 0, false
}

// skipStored passes over a block that is not compressed. It counts as a whole.
func (w *deflateWalk) skipStored(final bool) bool {
	w.left = 0
	n, ok := w.readBits(16)
	not, ok2 := w.readBits(16)
	if !ok || !ok2 || n != ^not&0xFFFF {
		return false
	}
	for range n {
		if _, err := w.in.ReadByte(); err != nil {
			return false
		}
	}
	w.countOutput(uint64(n), final, false)
	return true
}

const endOfBlock = 256

// The base values and extra bits of lengths and distances (RFC 1951 §3.2.5).
var (
	deflateLengths = [29]uint16{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	deflateExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
)

func distanceExtra(code int) int { return max(0, code/2-1) }

// walkBlock passes over the symbols of a compressed block.
func (w *deflateWalk) walkBlock(final bool) bool {
	for {
		s, ok := w.readSymbol(w.codes)
		switch {
		case !ok:
			return false
		case s < endOfBlock:
			w.countOutput(1, final, true)
			continue
		case s == endOfBlock:
			return true
		}
		if s -= endOfBlock + 1; s >= len(deflateLengths) {
			return false
		}
		more, ok := w.readBits(int(deflateExtra[s]))
		if !ok {
			return false
		}
		d, ok := w.readSymbol(w.dist)
		if !ok || d > 29 {
			return false
		}
		far, ok := w.readBits(distanceExtra(d))
		if !ok || w.out < distanceOf(d, far) {
			return false
		}
		w.countOutput(uint64(deflateLengths[s])+uint64(more), final, true)
	}
}

func distanceOf(code, more int) uint64 {
	if code < 2 {
		return uint64(code + 1)
	}
	return uint64((2+(code&1))<<(code/2-1)+1) + uint64(more)
}

// setLengths makes a code of the lengths of its symbols.
func (c *prefixCode) setLengths(lengths []uint8) bool {
	*c = prefixCode{}
	for _, n := range lengths {
		c.count[n]++
	}
	c.count[0] = 0
	var next [maxPrefixBits + 1]uint16
	for n := 1; n < maxPrefixBits; n++ {
		next[n+1] = next[n] + c.count[n]
	}
	for s, n := range lengths {
		if n > 0 {
			c.symbols[next[n]] = uint16(s)
			next[n]++
		}
	}
	return c.zlibTakes()
}

// zlibTakes says whether zlib takes the code: one that leaves no bits without a
// symbol, the code of a single bit, or none.
func (c *prefixCode) zlibTakes() bool {
	left, symbols := 1, 0
	for _, n := range c.count[1:] {
		if left = left<<1 - int(n); left < 0 {
			return false
		}
		symbols += int(n)
	}
	return left == 0 || symbols == 0 || symbols == 1 && c.count[1] == 1
}

// fixedCodes are those of RFC 1951 §3.2.6.
var fixedCodes = sync.OnceValues(func() (codes, dist *prefixCode) {
	codes, dist = &prefixCode{}, &prefixCode{}
	lengths := bytes.Repeat([]byte{8}, 288)
	for i := 144; i < 256; i++ {
		lengths[i] = 9
	}
	for i := 256; i < 280; i++ {
		lengths[i] = 7
	}
	codes.setLengths(lengths)
	dist.setLengths(bytes.Repeat([]byte{5}, 30))
	return codes, dist
})

// readDynamicCodes reads the codes of a block (RFC 1951 §3.2.7).
func (w *deflateWalk) readDynamicCodes() bool {
	// To make codes takes longer than to read them. No real image has so many
	// small blocks.
	const few, perBlock = 1024, 32
	w.brought++
	head, ok := w.readBits(14)
	if !ok || w.brought > few+len(w.in.b)/perBlock {
		return false
	}
	w.codes, w.dist = &w.own[0], &w.own[1]
	literals, distances := head&31+257, head>>5&31+1
	given := head>>10 + 4
	if literals > 286 {
		return false
	}
	order := [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var short [19]uint8
	for i := range given {
		n, ok := w.readBits(3)
		if !ok {
			return false
		}
		short[order[i]] = uint8(n)
	}
	if !w.codes.setLengths(short[:]) {
		return false
	}
	var lengths [286 + 32]uint8
	if !w.readCodeLengths(lengths[:literals+distances]) || lengths[endOfBlock] == 0 {
		return false
	}
	return w.dist.setLengths(lengths[literals:literals+distances]) && w.codes.setLengths(lengths[:literals])
}

// readCodeLengths reads the lengths of codes, which are coded themselves.
func (w *deflateWalk) readCodeLengths(into []uint8) bool {
	for at := 0; at < len(into); {
		s, ok := w.readSymbol(w.codes)
		if !ok {
			return false
		}
		if s < 16 {
			into[at] = uint8(s)
			at++
			continue
		}
		var v uint8
		least, extra := 3, 2
		switch s {
		case 16:
			if at == 0 {
				return false
			}
			v = into[at-1]
		case 17:
			extra = 3
		case 18:
			least, extra = 11, 7
		}
		n, ok := w.readBits(extra)
		if n += least; !ok || n > len(into)-at {
			return false
		}
		for range n {
			into[at] = v
			at++
		}
	}
	return true
}
