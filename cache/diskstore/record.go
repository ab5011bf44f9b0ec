package diskstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// A record is a file of, with numbers in little-endian order:
//
//	magic      8 bytes
//	capacity   4 bytes, of the header's area
//	header     4 bytes, its length
//	body       8 bytes, its length
//	checksum   8 bytes, of the four before it and the header
//	the header's area
//	the body
//	checksum   8 bytes, of the body
const (
	magic        = "pictor\x00\x01"
	preambleSize = 32
	summed       = 24 // of the preamble
	trailerSize  = 8
	maxHeader    = 64 << 10
	// spare is what a header may grow without the record being written anew.
	headerSpare, headerStep = 256, 512
)

var (
	// ErrBroken: a file or an object is no record, or not what it was.
	ErrBroken = errors.New("broken record")
	// errBody: what was to be written could not be read, which is not the disk's fault.
	errBody = errors.New("record body cannot be read")
)

// headerCapacity is the place for a header of so many bytes.
func headerCapacity(header int) int {
	return (header + headerSpare + headerStep - 1) / headerStep * headerStep
}

// encodeFront is preamble and header, as they are written at once.
func encodeFront(header []byte, capacity int, body int64) []byte {
	b := make([]byte, preambleSize, preambleSize+len(header))
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], uint32(capacity))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(header)))
	binary.LittleEndian.PutUint64(b[16:], uint64(body))
	binary.LittleEndian.PutUint64(b[summed:], sumOf(b[:summed], header))
	return append(b, header...)
}

// encodeHead is all that comes before the body of a new record.
func encodeHead(header []byte, body int64) []byte {
	capacity := headerCapacity(len(header))
	return append(encodeFront(header, capacity, body), make([]byte, capacity-len(header))...)
}

func sumOf(parts ...[]byte) uint64 {
	d := xxhash.New()
	for _, p := range parts {
		_, _ = d.Write(p) // never fails
	}
	return d.Sum64()
}

// Record is a record that is open. It stays what it is when the store drops or
// replaces it. Its body is read by ReadAt.
type Record struct {
	store      *Store
	file       fileHandle
	header     []byte
	capacity   int
	size       int64
	generation uint32 // of its slot; 0 where that is not known
}

// fileHandle is an open file.
type fileHandle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// Header is what Put or SetHeader was given.
func (r *Record) Header() []byte { return r.header }

// Size is the length of the body in bytes.
func (r *Record) Size() int64 { return r.size }

// ReadAt reads the body; it implements io.ReaderAt. Where the disk hangs the
// error is ErrStalled.
func (r *Record) ReadAt(p []byte, off int64) (int, error) {
	return r.ReadWithin(context.Background(), p, off)
}

// ReadWithin is ReadAt that ends with ctx; the error is then its cause.
func (r *Record) ReadWithin(ctx context.Context, p []byte, off int64) (n int, err error) {
	for {
		some, err := r.readBlock(ctx, p[n:], off+int64(n))
		n += some
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// readBlock reads a part of the body, into memory of its own: a read that hangs
// may write there long after.
func (r *Record) readBlock(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = r.withBlock(ctx, off, int64(len(p)), func(block []byte) { n = copy(p, block) })
	return n, err
}

// withBlock reads up to n bytes of the body and gives f what came, until f returns.
func (r *Record) withBlock(ctx context.Context, off, n int64, f func(block []byte)) error {
	b := buffers.Get().(*[32 << 10]byte)
	into := b[:min(n, int64(len(b)))]
	var came int
	var err error
	if !r.store.doIO(ioOp{ctx: ctx, patient: true, run: func() {
		came, err = bodyReaderAt{r}.ReadAt(into, off)
		r.store.progress.Add(1)
	}}) {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return ErrStalled
	}
	f(into[:came])
	buffers.Put(b)
	return err
}

// Prefetch reads n bytes of the body into the kernel's page cache, so that a caller
// which then reads them by Region does not wait for the disk. Where the disk hangs
// the error is ErrStalled.
func (r *Record) Prefetch(ctx context.Context, off, n int64) error {
	for end := min(off+n, r.size); off < end; {
		came := 0
		err := r.withBlock(ctx, off, end-off, func(block []byte) { came = len(block) })
		off += int64(came)
		if err != nil && (off < end || !errors.Is(err, io.EOF)) {
			return err
		}
	}
	return nil
}

// CopyTo writes the whole body to w, until ctx ends; the error is then its cause. Where the disk
// hangs the error is ErrStalled. w is not used after the return, and must not hang. Unlike
// Reader it is one operation: a reader of many blocks wakes other threads for each.
func (r *Record) CopyTo(ctx context.Context, w io.Writer) error {
	to := &revocableWriter{w: w}
	defer to.revoke()
	result := make(chan error, 1)
	var progress atomic.Uint64
	copying := func() { result <- r.copyBody(ctx, to, &progress) }
	if r.store.doIO(ioOp{ctx: ctx, patient: true, progress: &progress, run: copying}) {
		return <-result
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return ErrStalled
}

// copyBody copies the body step by step until ctx ends, and counts the steps.
func (r *Record) copyBody(ctx context.Context, w io.Writer, steps *atomic.Uint64) error {
	b := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	from := ctxReader{&progressReader{&progressReader{r.bodyReader(), &r.store.progress}, steps}, ctx}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, from, b[:])
	if err == nil && n != r.size {
		err = io.ErrUnexpectedEOF // the file was cut meanwhile
	}
	return err
}

// ctxReader reads until a context ends.
type ctxReader struct {
	io.Reader
	ctx context.Context
}

// Read reads.
func (r ctxReader) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(b)
}

// revocableWriter writes until its owner revokes it.
type revocableWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes.
func (l *revocableWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.w == nil {
		return 0, ErrStalled
	}
	return l.w.Write(b)
}

func (l *revocableWriter) revoke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = nil
}

// Reader reads the body from its beginning, until ctx ends; the error is then
// its cause.
func (r *Record) Reader(ctx context.Context) io.Reader {
	return io.NewSectionReader(ctxReaderAt{r, ctx}, 0, r.size)
}

// ctxReaderAt is a body that is read until a context ends.
type ctxReaderAt struct {
	r   *Record
	ctx context.Context
}

// ReadAt reads.
func (w ctxReaderAt) ReadAt(p []byte, off int64) (int, error) { return w.r.ReadWithin(w.ctx, p, off) }

// bodyReaderAt is the body of a record as it is in the file, for calls that are
// watched as a whole.
type bodyReaderAt struct{ *Record }

// ReadAt reads.
func (r bodyReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	end := false
	if most := r.size - off; int64(len(p)) > most {
		p, end = p[:most], true
	}
	n, err := r.file.ReadAt(p, int64(preambleSize+r.capacity)+off)
	if err == nil && end {
		err = io.EOF
	}
	return n, err
}

// bodyReader is that as a reader.
func (r *Record) bodyReader() io.Reader { return io.NewSectionReader(bodyReaderAt{r}, 0, r.size) }

// Region is the file that has the body, and where in it; nil where it is no file of
// its own. To read it is not watched: see Prefetch.
func (r *Record) Region() (f *os.File, offset int64) {
	f, _ = r.file.(*os.File)
	return f, int64(preambleSize + r.capacity)
}

// Close lets go of the file.
func (r *Record) Close() error { return r.file.Close() }

// fileSize is that of the whole file.
func (r *Record) fileSize() int64 { return int64(preambleSize+r.capacity) + r.size + trailerSize }

// readRecord reads the front of a file and holds it against its length.
func readRecord(f *os.File, s *Store) (*Record, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var p [preambleSize]byte
	if _, err := f.ReadAt(p[:], 0); err != nil || !st.Mode().IsRegular() || string(p[:len(magic)]) != magic {
		return nil, ErrBroken
	}
	capacity, header := binary.LittleEndian.Uint32(p[8:]), binary.LittleEndian.Uint32(p[12:])
	r := &Record{store: s, file: f, capacity: int(capacity), size: int64(binary.LittleEndian.Uint64(p[16:]))}
	if header > maxHeader || int(capacity) > headerCapacity(maxHeader) || header > capacity || r.size < 0 ||
		r.size > st.Size() || r.fileSize() != st.Size() {
		return nil, ErrBroken
	}
	r.header = make([]byte, header)
	if _, err := f.ReadAt(r.header, preambleSize); err != nil ||
		sumOf(p[:summed], r.header) != binary.LittleEndian.Uint64(p[summed:]) {
		return nil, ErrBroken
	}
	return r, nil
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// verifyBody holds the body against its checksum. It counts the steps that it takes.
func (r *Record) verifyBody(steps *atomic.Uint64) error {
	d := xxhash.New()
	b := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	if _, err := io.CopyBuffer(struct{ io.Writer }{d}, &progressReader{r.bodyReader(), steps}, b[:]); err != nil {
		return ErrBroken
	}
	var sum [trailerSize]byte
	if _, err := r.file.ReadAt(sum[:], r.fileSize()-trailerSize); err != nil ||
		binary.LittleEndian.Uint64(sum[:]) != d.Sum64() {
		return ErrBroken
	}
	return nil
}

// progressReader counts reads.
type progressReader struct {
	io.Reader
	progress *atomic.Uint64
}

// Read reads.
func (s *progressReader) Read(b []byte) (int, error) {
	s.progress.Add(1)
	return s.Reader.Read(b)
}

// writeRecordFile writes a record. The body has exactly size bytes, or it is an error.
func writeRecordFile(f *os.File, head []byte, body io.Reader, size int64) error {
	d := xxhash.New()
	b := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	if _, err := f.Write(head); err != nil {
		return err
	}
	limited := io.LimitReader(body, size+1)
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{io.TeeReader(limited, d)}, b[:])
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%w: the body does not have %d bytes as declared", errCaller, size)
	}
	_, err = f.Write(binary.LittleEndian.AppendUint64(nil, d.Sum64()))
	return err
}

// hasHeader says that two headers are the same, so that nothing need be written.
func (r *Record) hasHeader(header []byte) bool { return bytes.Equal(r.header, header) }
