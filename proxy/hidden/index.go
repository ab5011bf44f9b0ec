package hidden

import "encoding/binary"

// IndexBytes is what the index takes for each source, in bytes of the heap: a slot of 8 bytes,
// of which at least 64 % are taken after a part has grown, and the part before it grew.
const IndexBytes = 16

// align is what places of records are multiples of, so that 32 bits of a slot reach 32 GiB.
const align = 8

// maxLog is the size up to which the log may grow, in bytes.
const maxLog = align << 32

// index finds where in the log the record of a hash may be. It knows 40 bits of each hash, and
// the record all of them. Parts grow one by one, so that growing takes little memory at once.
type index struct {
	parts [256]indexPart
	count int
}

// indexPart is a table with open addressing. A slot has 32 bits of the hash and the place of
// the record in the log, in units of align; 0 is an empty one.
type indexPart struct {
	slots []uint64
	count int
}

// tagOf is the part that a hash is in and what its slot has of it.
func tagOf(h Hash) (part int, tag uint32) { return int(h[0]), binary.BigEndian.Uint32(h[1:5]) }

// placesOf are the offsets of records that may be of a hash: nearly always one, or none.
func (x *index) placesOf(h Hash) (offsets []int64) {
	n, tag := tagOf(h)
	p := &x.parts[n]
	if p.count == 0 {
		return nil
	}
	for i := p.home(tag); p.slots[i] != 0; i = p.after(i) {
		if uint32(p.slots[i]>>32) == tag {
			offsets = append(offsets, int64(uint32(p.slots[i]))*align)
		}
	}
	return offsets
}

// addPlace adds the record of a hash. The offset is a multiple of align, above 0 and below maxLog.
func (x *index) addPlace(h Hash, offset int64) {
	n, tag := tagOf(h)
	p := &x.parts[n]
	if (p.count+1)*5 > len(p.slots)*4 {
		p.grow()
	}
	p.put(uint64(tag)<<32 | uint64(offset/align))
	p.count++
	x.count++
}

func (p *indexPart) home(tag uint32) int { return int(uint64(tag) * uint64(len(p.slots)) >> 32) }

func (p *indexPart) after(i int) int {
	if i++; i == len(p.slots) {
		return 0
	}
	return i
}

func (p *indexPart) put(slot uint64) {
	i := p.home(uint32(slot >> 32))
	for p.slots[i] != 0 {
		i = p.after(i)
	}
	p.slots[i] = slot
}

// grow adds a quarter of slots.
func (p *indexPart) grow() {
	old := p.slots
	p.slots = make([]uint64, max(len(old)+len(old)/4, 8))
	for _, slot := range old {
		if slot != 0 {
			p.put(slot)
		}
	}
}
