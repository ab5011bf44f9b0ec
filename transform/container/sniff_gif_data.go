package container

import (
	"slices"

	"github.com/pictor-proxy/pictor/transform"
)

// gifStop is the end of the data of a GIF that is used. If it lies within the first
// frame, the other fields say how to end that frame: the start of its last
// sub-block, the code that ends the data and its size in bits, and how many bits of
// the last byte are free.
type gifStop struct{ end, block, code, size, free int }

// gifDataEnd walks the LZW codes (GIF89a appendix F) of image data that breaks off,
// from the size of the first code. It stops behind the code that completes the
// pixels; where they stay incomplete, its end is 0. Codes are counted and not
// decoded: only the length of the string that each stands for is kept.
func gifDataEnd(b []byte, pixels int64) gifStop {
	const maxBits = 12
	if len(b) == 0 || b[0] < 1 || b[0] >= maxBits || pixels == 0 {
		return gifStop{}
	}
	var lengths [1 << maxBits]uint16
	clear := 1 << b[0]
	for i := range clear {
		lengths[i] = 1
	}
	r := gifBits{b: b, at: 1, next: 1}
	next, size := clear+2, int(b[0])+1
	before := uint16(0)
	for {
		code, ok := r.nextCode(size)
		switch {
		case !ok || code == clear+1:
			return gifStop{}
		case code == clear:
			next, size = clear+2, int(b[0])+1
			before = 0
			continue
		case code > next || code == next && before == 0:
			return gifStop{}
		}
		if before > 0 && next < len(lengths) {
			lengths[next] = before + 1
			if next++; next == 1<<size && size < maxBits {
				size++
			}
		}
		if code >= next {
			return gifStop{}
		}
		before = lengths[code]
		if pixels -= int64(before); pixels <= 0 {
			return gifStop{r.at, r.block, clear + 1, size, r.left}
		}
	}
}

// gifBits reads codes from sub-blocks, from the lowest bit up.
type gifBits struct {
	b               []byte
	at, block, next int // of the next byte, of the sub-block, of the next one
	acc             uint32
	left            int
}

func (r *gifBits) nextCode(size int) (int, bool) {
	for r.left < size {
		if r.at >= r.next {
			if r.next >= len(r.b) || r.b[r.next] == 0 {
				return 0, false
			}
			r.block = r.next
			r.at, r.next = r.block+1, r.block+1+int(r.b[r.block])
		}
		if r.at >= len(r.b) {
			return 0, false
		}
		r.acc |= uint32(r.b[r.at]) << r.left
		r.at++
		r.left += 8
	}
	code := int(r.acc & (1<<size - 1))
	r.acc >>= size
	r.left -= size
	return code, true
}

// repairGIF makes comments of empty extensions and ends a GIF behind its whole
// frames.
func repairGIF(b []byte, end int64) (Repair, bool) {
	w := gifWalk{info: &transform.Info{}}
	if w.readScreen(b) != nil || w.walkBlocks() == nil && len(w.empty) == 0 {
		return Repair{}, false
	}
	stop := w.wholeFramesEnd(b)
	if int64(stop.end) != end {
		return Repair{}, false
	}
	r := cutAndEnd(end, gifTrailer)
	if stop.block != 0 {
		r = stop.endData(b)
	}
	var labels []Patch
	for _, left := range w.empty {
		if at := int64(len(b) - left); at < end {
			labels = append(labels, Patch{at, []byte{gifComment}})
		}
	}
	r.Patches = append(labels, r.Patches...)
	return r, true
}

// endData puts the end code behind the last pixel, because libnsgif drops that pixel
// without it, and ends the sub-blocks and the file.
func (s gifStop) endData(b []byte) Repair {
	const most = 255
	at, bits := s.end, lowBits{}
	if s.free > 0 {
		at, bits = s.end-1, lowBits{acc: uint64(b[s.end-1]) & (1<<(8-s.free) - 1), n: 8 - s.free}
	}
	bits.appendBits(uint64(s.code), s.size)
	data := bits.bytes()
	before := at - s.block - 1
	fits := min(len(data), most-before)
	tail := data[:fits:fits]
	if fits < len(data) {
		tail = append(append(tail, byte(len(data)-fits)), data[fits:]...)
	}
	r := cutAndEnd(int64(at), append(tail, 0, gifTrailer)...)
	r.Patches = slices.Insert(r.Patches, 0, Patch{int64(s.block), []byte{byte(before + fits)}})
	return r
}
