package diskstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// EncodeRecord is a record as Put writes it to a file, for a store of another kind. It shares the memory of both.
func EncodeRecord(header, body []byte) (*io.SectionReader, error) {
	if len(header) > maxHeader {
		return nil, fmt.Errorf("%w: its header has %d bytes", errCaller, len(header))
	}
	parts := joined{encodeHead(header, int64(len(body))), body, binary.LittleEndian.AppendUint64(nil, sumOf(body))}
	return io.NewSectionReader(parts, 0, parts.size()), nil
}

// joined are slices that are read as one.
type joined [][]byte

func (j joined) size() (n int64) {
	for _, part := range j {
		n += int64(len(part))
	}
	return n
}

// ReadAt implements io.ReaderAt.
func (j joined) ReadAt(p []byte, off int64) (n int, err error) {
	for _, part := range j {
		if size := int64(len(part)); off >= size {
			off -= size
			continue
		}
		n += copy(p[n:], part[off:])
		off = 0
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// ReadRecord reads a record of so many bytes. accept is given the header, and the length of the body before there is
// memory for it; where it gives an error, that is the end. What is not a record, or not what was written, is ErrBroken;
// other errors are of the reader.
func ReadRecord(from io.Reader, size int64, accept func(header []byte, body int64) error) (body []byte, err error) {
	var p [preambleSize]byte
	if err := readWhole(from, p[:]); err != nil {
		return nil, err
	}
	r := Record{capacity: int(binary.LittleEndian.Uint32(p[8:])), size: int64(binary.LittleEndian.Uint64(p[16:]))}
	header := binary.LittleEndian.Uint32(p[12:])
	if string(p[:len(magic)]) != magic || header > maxHeader || r.capacity > headerCapacity(maxHeader) ||
		int(header) > r.capacity || r.size < 0 || r.size > size || r.fileSize() != size {
		return nil, ErrBroken
	}
	area := make([]byte, r.capacity)
	if err := readWhole(from, area); err != nil {
		return nil, err
	}
	r.header = area[:header]
	if sumOf(p[:summed], r.header) != binary.LittleEndian.Uint64(p[summed:]) {
		return nil, ErrBroken
	}
	if err := accept(r.header, r.size); err != nil {
		return nil, err
	}
	body = make([]byte, r.size)
	var sum [trailerSize]byte
	if err := errors.Join(readWhole(from, body), readWhole(from, sum[:])); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint64(sum[:]) != sumOf(body) {
		return nil, ErrBroken
	}
	return body, nil
}

// readWhole fills b. A reader that ends before has a torn record.
func readWhole(from io.Reader, b []byte) error {
	_, err := io.ReadFull(from, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrBroken
	}
	return err
}
