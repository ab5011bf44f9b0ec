package container

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// Repair says how the bytes of a source are changed for a decoder that insists
// on marks and checksums, and reads metadata that nobody needs. Sniff made sure
// that the image itself is whole. The source stays as it is: what is cached,
// hashed or passed on is never repaired.
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
const repairSlack = 64

// NewRepair gives the repair of a source of which Sniff told info.End. ok is
// false where there is nothing to repair.
func NewRepair(b []byte, info transform.Info) (r Repair, ok bool) {
	end := info.End
	if end <= 0 || end > int64(len(b)) {
		return r, false
	}
	switch info.Format {
	case transform.JPEG:
		return cutAndEnd(end, 0xFF, jpegEOI), true
	case transform.GIF:
		return repairGIF(b, end)
	case transform.PNG:
		return repairPNG(b, end)
	case transform.WebP:
		return repairWebP(end), true
	}
	return r, false
}

// cutAndEnd cuts at end and appends a mark.
func cutAndEnd(end int64, mark ...byte) Repair {
	return Repair{Patches: []Patch{{end, mark}}, Size: end + int64(len(mark))}
}

// repairWebP makes the container as long as the chunks in it, of which the
// last may lack the byte that makes its length even.
func repairWebP(end int64) Repair {
	r := Repair{Size: end}
	if end%2 != 0 {
		r = cutAndEnd(end, 0)
	}
	size := binary.LittleEndian.AppendUint32(nil, uint32(r.Size-riffHeader))
	r.Patches = slices.Insert(r.Patches, 0, Patch{4, size})
	return r
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
