package diskstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// EncodeRecord is a record as Put writes it to a file, for a store of another kind. It shares the memory of both.
func EncodeRecord(header, body []byte) (*io.SectionReader, error) {
	return encodeRecord(header, section(body), sumOf(body))
}

// EncodeRecordOf is EncodeRecord of a body that need not be in memory. It reads the body once, for its checksum, and
// each reader of the record reads it again.
func EncodeRecordOf(header []byte, body *io.SectionReader) (*io.SectionReader, error) {
	d, b := xxhash.New(), buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	n, err := io.CopyBuffer(struct{ io.Writer }{d}, io.NewSectionReader(body, 0, body.Size()), b[:])
	if err != nil || n != body.Size() {
		return nil, fmt.Errorf("%w: %d bytes of %d: %w", errBody, n, body.Size(), cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return encodeRecord(header, body, d.Sum64())
}

func encodeRecord(header []byte, body *io.SectionReader, sum uint64) (*io.SectionReader, error) {
	if len(header) > maxHeader {
		return nil, fmt.Errorf("%w: its header has %d bytes", errCaller, len(header))
	}
	parts := joined{section(encodeHead(header, body.Size())), body, section(binary.LittleEndian.AppendUint64(nil, sum))}
	return io.NewSectionReader(parts, 0, parts.size()), nil
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// joined are parts that are read as one.
type joined []*io.SectionReader

func (j joined) size() (n int64) {
	for _, part := range j {
		n += part.Size()
	}
	return n
}

// ReadAt implements io.ReaderAt.
func (j joined) ReadAt(p []byte, off int64) (n int, err error) {
	for _, part := range j {
		left := part.Size() - off
		if left <= 0 {
			off = -left
			continue
		}
		want := int(min(int64(len(p)-n), left))
		some, err := part.ReadAt(p[n:n+want], off)
		n += some
		if some < want {
			return n, cmp.Or(err, io.ErrUnexpectedEOF)
		}
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
	r, err := readFront(from, size)
	if err != nil {
		return nil, err
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

// CopyRecord is ReadRecord for a body that goes where accept says, in parts as they come: all of them are there where
// the error is nil. Errors may be of the writer, too.
func CopyRecord(from io.Reader, size int64, accept func(header []byte, body int64) (io.Writer, error)) error {
	r, err := readFront(from, size)
	if err != nil {
		return err
	}
	to, err := accept(r.header, r.size)
	if err != nil {
		return err
	}
	d, b := xxhash.New(), buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	n, err := io.CopyBuffer(io.MultiWriter(to, d), struct{ io.Reader }{io.LimitReader(from, r.size)}, b[:])
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && n < r.size:
		return ErrBroken
	case err != nil:
		return err
	}
	var sum [trailerSize]byte
	if err := readWhole(from, sum[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(sum[:]) != d.Sum64() {
		return ErrBroken
	}
	return nil
}

// readFront reads what comes before the body of a record of so many bytes.
func readFront(from io.Reader, size int64) (r Record, err error) {
	var p [preambleSize]byte
	if err := readWhole(from, p[:]); err != nil {
		return r, err
	}
	r = Record{capacity: int(binary.LittleEndian.Uint32(p[8:])), size: int64(binary.LittleEndian.Uint64(p[16:]))}
	header := binary.LittleEndian.Uint32(p[12:])
	if string(p[:len(magic)]) != magic || header > maxHeader || r.capacity > headerCapacity(maxHeader) ||
		int(header) > r.capacity || r.size < 0 || r.size > size || r.fileSize() != size {
		return r, ErrBroken
	}
	area := make([]byte, r.capacity)
	if err := readWhole(from, area); err != nil {
		return r, err
	}
	r.header = area[:header]
	if sumOf(p[:summed], r.header) != binary.LittleEndian.Uint64(p[summed:]) {
		return r, ErrBroken
	}
	return r, nil
}

// readWhole fills b. A reader that ends before has a torn record.
func readWhole(from io.Reader, b []byte) error {
	_, err := io.ReadFull(from, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrBroken
	}
	return err
}
