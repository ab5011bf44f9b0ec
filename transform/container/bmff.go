package container

import (
	"encoding/binary"
	"math"
)

// box is one box of the ISO base media file format (ISO/IEC 14496-12 §4.2).
type box struct {
	kind, body []byte
	// whole is false where the box is longer than the box or file around it. body
	// is then cut.
	whole bool
}

// nextBox splits the first box off b, which is not empty. ok is false where
// the bytes are no box. A size of 0 means "to the end", which is allowed for
// the last box of a file.
func nextBox(b []byte) (bx box, rest []byte, ok bool) {
	const small, large = 8, 16
	if len(b) < small {
		return box{}, nil, true
	}
	size, header := uint64(binary.BigEndian.Uint32(b)), small
	bx.kind = b[4:8]
	switch size {
	case 0:
		size = uint64(len(b))
	case 1:
		if len(b) < large {
			return bx, nil, true
		}
		size, header = binary.BigEndian.Uint64(b[8:]), large
	}
	if size < uint64(header) {
		return box{}, nil, false
	}
	bx.whole = size <= uint64(len(b))
	end := min(size, uint64(len(b)))
	bx.body = b[header:end]
	return bx, b[end:], true
}

// eachBox visits the boxes of a body that is wholly there, which they must
// fill exactly. It stops at the first error.
func eachBox(b []byte, visit func(kind, body []byte) error) error {
	for len(b) > 0 {
		bx, rest, ok := nextBox(b)
		if !ok || !bx.whole {
			return malformedError("the AVIF has a box that is larger than the box around it")
		}
		if err := visit(bx.kind, bx.body); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// bmffFields reads the big-endian fields of a box one after the other. Reading
// past the end gives zeros and sets short, so that callers check once, at the end.
type bmffFields struct {
	b     []byte
	short bool
}

// uint reads a field of 0 to 8 bytes.
func (f *bmffFields) uint(size int) uint64 {
	if f.short || len(f.b) < size {
		f.short = true
		return 0
	}
	var v uint64
	for _, c := range f.b[:size] {
		v = v<<8 | uint64(c)
	}
	f.b = f.b[size:]
	return v
}

// versionAndFlags reads version and flags of a FullBox.
func (f *bmffFields) versionAndFlags() (version byte, flags uint32) {
	v := f.uint(4)
	return byte(v >> 24), uint32(v) & 0xFFFFFF
}

// id reads an item identifier, of 16 bits or wide.
func (f *bmffFields) id(wide bool) uint32 {
	if wide {
		return uint32(f.uint(4))
	}
	return uint32(f.uint(2))
}

// span is a range of bytes that a file claims to have. It may lie outside of it.
type span struct{ off, size uint64 }

// bytesIn gives the bytes of the span in b; false where they are not all there.
func (s span) bytesIn(b []byte) ([]byte, bool) {
	n := uint64(len(b))
	if s.off > n || s.size > n-s.off {
		return nil, false
	}
	return b[s.off : s.off+s.size], true
}

// shiftedBy adds to the start, and stays at the far end instead of wrapping round.
func (s span) shiftedBy(by uint64) span {
	if s.off > math.MaxUint64-by {
		return span{off: math.MaxUint64, size: s.size}
	}
	s.off += by
	return s
}
