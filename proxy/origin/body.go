package origin

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// step is what is reserved at a time where the length is not known. Most
// pictures need one: a second cannot be waited for, as those who hold a first
// one would then wait for each other.
const step = 4 << 20

// copy moves a body, never more of it than is reserved. size is its declared
// length, -1 for none.
func (f *Fetcher) copy(w io.Writer, body io.Reader, size int64, reserve func(int64) error) (int64, error) {
	if size > f.cfg.MaxBytes {
		return 0, f.tooLarge()
	}
	reserved := max(size, 0)
	if reserved > 0 {
		if err := reserve(reserved); err != nil {
			return 0, err
		}
	}
	var total int64
	buf := make([]byte, 32<<10)
	for {
		n, end := body.Read(buf)
		if total+int64(n) > f.cfg.MaxBytes {
			return total, f.tooLarge()
		}
		// A step is longer than buf, so one is enough.
		if total+int64(n) > reserved {
			more := min(step, f.cfg.MaxBytes-reserved)
			if err := reserve(more); err != nil {
				return total, err
			}
			reserved += more
		}
		if n > 0 {
			written, err := w.Write(buf[:n])
			total += int64(written)
			if err == nil && written < n {
				err = io.ErrShortWrite
			}
			if err != nil {
				return total, err
			}
		}
		switch {
		case errors.Is(end, io.EOF):
			return total, nil
		case end != nil:
			return total, end
		}
	}
}

// wire reads the body of an answer as it comes. It keeps the pace, bounds what
// comes, because gzip can make nothing of very much, and says what an error is.
type wire struct {
	f    *Fetcher
	ctx  context.Context
	pace *pace
	body io.Reader
	read int64
	err  error
}

func (r *wire) Read(b []byte) (int, error) {
	n, err := r.body.Read(b)
	r.pace.advance(n)
	r.read += int64(n)
	switch {
	case r.read > r.f.cfg.MaxBytes:
		r.err = r.f.tooLarge()
	case errors.Is(err, io.EOF):
		return n, io.EOF
	case err != nil:
		r.err = blame(r.ctx, ErrTruncated, err)
	}
	return n, r.err
}

// unzip reads what a server compressed unasked; some do.
type unzip struct {
	wire *wire
	gz   *gzip.Reader
}

func (r *unzip) Read(b []byte) (n int, err error) {
	if r.gz == nil {
		r.gz, err = gzip.NewReader(r.wire)
	}
	if err == nil {
		n, err = r.gz.Read(b)
	}
	switch {
	case err == nil, r.gz != nil && errors.Is(err, io.EOF):
		return n, err
	case r.wire.err != nil:
		return n, r.wire.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return n, fail(ErrTruncated, "in the middle of gzip")
	}
	return n, fail(fmt.Errorf("%w: invalid gzip data", ErrEncoding), err.Error())
}

// decode undoes the encoding of a body. What is decoded has no declared length.
func decode(body *wire, size int64, h http.Header) (io.Reader, int64, error) {
	zipped := false
	for encoding := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		switch strings.ToLower(strings.TrimSpace(encoding)) {
		case "", "identity":
		case "gzip", "x-gzip": // RFC 9110 §8.4.1.3
			if zipped {
				return nil, 0, fmt.Errorf("%w: more than once", ErrEncoding)
			}
			zipped = true
		default:
			return nil, 0, fail(fmt.Errorf("%w: unexpected Content-Encoding", ErrEncoding), encoding)
		}
	}
	if zipped {
		return &unzip{wire: body}, -1, nil
	}
	return body, size, nil
}
