package container

// av1Sequence is what a sequence header tells of every frame after it.
type av1Sequence struct {
	width, height uint64 // the largest that a frame may have
	bits          int
	mono          bool
	// full says that colour is not at half size both ways.
	full bool
	code codePoints
	// narrow says that grey samples do not use their full range.
	narrow bool
}

// av1Sequences visits the sequence headers in a run of whole OBUs, which may be
// in pieces.
func av1Sequences(p pieces, visit func(av1Sequence) error) error {
	const sequenceHeader = 1
	var space [maxAV1Header]byte
	for left := p.size(); left > 0; {
		kind, head, size, ok := obuHead(p.peek(space[:]), left)
		if !ok {
			return malformedError("the AVIF has AV1 data that is cut off")
		}
		p.skip(head)
		if kind == sequenceHeader {
			r := bitReader{b: p.peek(space[:min(size, maxAV1Header)])}
			s := readAV1Sequence(&r)
			if r.short {
				return malformedError("the AVIF has an AV1 header that is cut off")
			}
			if err := visit(s); err != nil {
				return err
			}
		}
		p.skip(size)
		left -= head + size
	}
	return nil
}

// maxAV1Header is more than a sequence header can have up to its colour: 32
// operating points of 87 bits each are most of it (AV1 §5.5.1).
const maxAV1Header = 512

// obuHead reads the header of an OBU (AV1 §5.3) of which b is the beginning,
// not empty, and left what there is of all. Without a size of its own the OBU
// takes the rest.
func obuHead(b []byte, left uint64) (kind byte, head, size uint64, ok bool) {
	const extension, hasSize = 1 << 2, 1 << 1
	flags := b[0]
	kind, head = flags>>3&15, 1
	if flags&extension != 0 {
		head++
	}
	if head > left {
		return 0, 0, 0, false
	}
	if flags&hasSize == 0 {
		return kind, head, left - head, true
	}
	size, n := leb128(b[head:])
	head += uint64(n)
	return kind, head, size, n > 0 && size <= left-head
}

// pieces are bytes that belong one behind the other, from at of the first.
type pieces struct {
	list [][]byte // none is empty
	at   int
}

func (p *pieces) add(b []byte) {
	if len(b) > 0 {
		p.list = append(p.list, b)
	}
}

func (p *pieces) size() uint64 {
	n := -p.at
	for _, b := range p.list {
		n += len(b)
	}
	return uint64(n)
}

// peek gives the first bytes, in space if they are in several pieces: as many
// as fit into it, if there are so many.
func (p *pieces) peek(space []byte) []byte {
	if len(p.list) == 0 {
		return nil
	}
	first := p.list[0][p.at:]
	if len(p.list) == 1 || len(first) >= len(space) {
		return first[:min(len(first), len(space))]
	}
	n := copy(space, first)
	for _, b := range p.list[1:] {
		if n += copy(space[n:], b); n == len(space) {
			break
		}
	}
	return space[:n]
}

// skip drops n bytes, of which there are so many.
func (p *pieces) skip(n uint64) {
	for len(p.list) > 0 && n >= uint64(len(p.list[0])-p.at) {
		n -= uint64(len(p.list[0]) - p.at)
		p.list, p.at = p.list[1:], 0
	}
	p.at += int(n)
}

// leb128 reads a number of up to eight bytes (AV1 §4.10.5) and says how many
// it took; 0 where it does not end.
func leb128(b []byte) (v uint64, n int) {
	for i := 0; i < 8 && i < len(b); i++ {
		v |= uint64(b[i]&0x7F) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}

// readAV1Sequence reads a sequence header up to its colour (AV1 §5.5.1).
func readAV1Sequence(r *bitReader) av1Sequence {
	profile := r.readUint(3)
	r.skipBits(1) // still_picture
	reduced := r.readFlag()
	if reduced {
		r.skipBits(5) // seq_level_idx
	} else {
		skipAV1Timing(r)
	}
	wide, high := int(r.readUint(4))+1, int(r.readUint(4))+1
	s := av1Sequence{width: r.readUint(wide) + 1, height: r.readUint(high) + 1, bits: 8}
	if !reduced && r.readFlag() { // frame_id_numbers_present_flag
		r.skipBits(4 + 3)
	}
	r.skipBits(3) // 128x128 superblocks, intra filters
	if !reduced {
		skipAV1Tools(r)
	}
	r.skipBits(3) // superres, cdef, restoration
	if r.readFlag() {
		s.bits = 10
		if profile == 2 && r.readFlag() {
			s.bits = 12
		}
	}
	s.mono = profile != 1 && r.readFlag()
	s.readColour(r, profile)
	return s
}

// readColour reads what a sequence header says of colour behind its depth (AV1
// §5.5.2): its code points, and the size of its planes.
func (s *av1Sequence) readColour(r *bitReader, profile uint64) {
	const identity = 0
	matrix := uint64(unspecified)
	if r.readFlag() { // color_description_present_flag
		r.codeAt = r.at
		s.code = codePoints{primaries: int(r.readUint(8)), transfer: int(r.readUint(8)), given: true}
		matrix = r.readUint(8)
	}
	switch {
	case s.mono:
		s.narrow = !r.readFlag() // color_range
	case profile == 0:
	case s.code.primaries == bt709 && s.code.transfer == srgbTransfer && matrix == identity, profile == 1, s.bits < 12:
		s.full = true
	default: // the planes of 12 bits tell their size
		r.skipBits(1) // color_range
		s.full = !(r.readFlag() && r.readFlag())
	}
}

// skipAV1Timing passes over timing and operating points.
func skipAV1Timing(r *bitReader) {
	var model bool
	delayBits := 0
	if r.readFlag() { // timing_info_present_flag
		r.skipBits(32 + 32)
		if r.readFlag() { // equal_picture_interval
			r.skipUVLC()
		}
		if model = r.readFlag(); model {
			delayBits = int(r.readUint(5)) + 1
			r.skipBits(32 + 5 + 5)
		}
	}
	initialDelay := r.readFlag()
	for points := r.readUint(5) + 1; points > 0; points-- {
		r.skipBits(12)
		if r.readUint(5) > 7 {
			r.skipBits(1) // seq_tier
		}
		if model && r.readFlag() {
			r.skipBits(2*delayBits + 1)
		}
		if initialDelay && r.readFlag() {
			r.skipBits(4)
		}
	}
}

// skipAV1Tools passes over the tools of moving images.
func skipAV1Tools(r *bitReader) {
	r.skipBits(4) // compounds, warped motion, dual filter
	orderHint := r.readFlag()
	if orderHint {
		r.skipBits(2)
	}
	// seq_choose_screen_content_tools, or seq_force_screen_content_tools
	if r.readFlag() || r.readFlag() {
		if !r.readFlag() { // seq_choose_integer_mv
			r.skipBits(1)
		}
	}
	if orderHint {
		r.skipBits(3)
	}
}

// bitReader reads bits from the highest down. Past the end it gives zeros and
// sets short.
type bitReader struct {
	b     []byte
	at    int // in bits
	short bool
	// codeAt is where the code points of a sequence header are, in bits; 0 where there are none.
	codeAt int
}

func (r *bitReader) readUint(bits int) uint64 {
	var v uint64
	for range bits {
		i := r.at >> 3
		if i >= len(r.b) {
			r.short = true
			return 0
		}
		v = v<<1 | uint64(r.b[i]>>(7-r.at&7)&1)
		r.at++
	}
	return v
}

func (r *bitReader) readFlag() bool { return r.readUint(1) == 1 }

// skipBits takes no more bits than one header can have.
func (r *bitReader) skipBits(bits int) { r.at += bits }

// skipUVLC passes over a number in Exp-Golomb form (AV1 §4.10.3).
func (r *bitReader) skipUVLC() {
	zeros := 0
	for !r.short && !r.readFlag() {
		zeros++
	}
	if zeros < 32 {
		r.skipBits(zeros)
	}
}
