package container

import "iter"

// Repair says how a decoder's view of a source differs from the source. Decoders
// insist on marks and checksums, and read metadata that no result needs; Sniff made
// sure that the image itself is whole. The source stays as it is: it is cached,
// hashed and passed on without repairs.
type Repair struct {
	// Patches are in the order of their places, in the source, and do not overlap.
	Patches []Patch
	// From and Size are where the bytes begin and end afterwards, in places of
	// the source. Size is no more than repairSlack over the source's.
	From, Size int64
}

// Patch is bytes that replace others, or come behind the last.
type Patch struct {
	At    int64
	Bytes []byte
}

// repairSlack bounds what a repair adds to a source.
const repairSlack = 1024

// cutAndEnd cuts at end and appends a mark.
func cutAndEnd(end int64, mark ...byte) Repair {
	return Repair{Patches: []Patch{{end, mark}}, Size: end + int64(len(mark))}
}

// Apply gives a repaired copy of b.
func (r Repair) Apply(b []byte) []byte {
	out := make([]byte, r.Size)
	copy(out, b)
	for at, patch := range r.All() {
		copy(out[at:], patch)
	}
	return out[r.From:]
}

// All yields the place and the bytes of each patch, in order.
func (r Repair) All() iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		for _, p := range r.Patches {
			if !yield(p.At, p.Bytes) {
				return
			}
		}
	}
}

// lowBits writes bits from the lowest up, as GIF and DEFLATE have them.
type lowBits struct {
	out []byte
	acc uint64
	n   int
}

func (w *lowBits) appendBits(v uint64, n int) {
	w.acc |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

func (w *lowBits) bytes() []byte {
	if w.n > 0 {
		w.appendBits(0, 8-w.n)
	}
	return w.out
}
