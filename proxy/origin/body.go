package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// reserveStep is how many bytes are reserved at a time where the length is not
// known. Most images need one step. A fetch must not wait for a second one: fetches
// that hold their first would then wait for each other.
const reserveStep = 4 << 20

// PartWriter is a writer that may need the beginning of a source alone. Of a source whose declared length is more than
// a part, a part is reserved and read at first. Where that is not enough the rest is reserved, and all of it read.
type PartWriter interface {
	io.Writer
	// Part is how many bytes a part has; 0 as soon as no part will be enough.
	Part() int64
	// Received is how many bytes were written, and enough says, after any of them, that no more are needed.
	Received() (bytes int64, enough bool)
}

// copyBody copies a body to w, and never writes more than is reserved. size is the
// declared length, -1 for none. It gives the length of the source, also where a PartWriter has enough of it.
func (cfg Config) copyBody(w io.Writer, body io.Reader, size int64, reserve func(int64) error) (int64, error) {
	if size > cfg.MaxBytes {
		return 0, cfg.tooLarge()
	}
	reserved := max(size, 0)
	part, _ := w.(PartWriter)
	if part != nil && reserved > part.Part() {
		reserved = part.Part()
	} else {
		part = nil
	}
	if reserved > 0 {
		if err := reserve(reserved); err != nil {
			return 0, err
		}
	}
	var total int64
	buf := make([]byte, 32<<10)
	for {
		n, end := body.Read(buf)
		if total+int64(n) > cfg.MaxBytes {
			return total, cfg.tooLarge()
		}
		more := int64(0)
		switch {
		case part != nil && (part.Part() == 0 || total+int64(n) > reserved):
			more, part = size-reserved, nil
		case total+int64(n) > reserved:
			more = min(reserveStep, cfg.MaxBytes-reserved) // longer than buf, so one is enough
		}
		if more > 0 {
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
		if part != nil {
			if _, enough := part.Received(); enough {
				return size, nil
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

// wireBody reads the body of a response as it is sent. It counts bytes for the pace
// clock, bounds them, because much gzip can decode to nothing, and classifies errors.
type wireBody struct {
	cfg  Config
	ctx  context.Context
	pace *paceClock
	body io.Reader
	// size is the declared length, which must come exactly, -1 for none.
	size int64
	read int64
	err  error
}

func (r *wireBody) readError() error { return r.err }

func (r *wireBody) Read(b []byte) (int, error) {
	n, err := r.body.Read(b)
	r.pace.addBytes(n)
	r.read += int64(n)
	switch {
	case r.read > r.cfg.MaxBytes:
		r.err = r.cfg.tooLarge()
	case errors.Is(err, io.EOF) && r.size >= 0 && r.read != r.size:
		// net/http looks after a Content-Length, but not after a Content-Range.
		r.err = newFailure(ErrTruncated, fmt.Sprintf("%d of %d bytes", r.read, r.size))
	case errors.Is(err, io.EOF):
		return n, io.EOF
	case err != nil:
		r.err = transportFailure(r.ctx, ErrTruncated, err)
	}
	return n, r.err
}
