package upload

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Errors of a Body. Each is wrapped with a sentence for the client.
var (
	// ErrTooLarge: the image has more bytes than Limits.Bytes.
	ErrTooLarge = errors.New("upload too large")
	// ErrBad: the body is not one image, or breaks off.
	ErrBad = errors.New("bad upload")
	// ErrUnsupported: the body is in a form that is not read.
	ErrUnsupported = errors.New("unsupported upload")
	// ErrSlow: the client sends less than Limits.Rate, or has not sent all by Limits.Deadline.
	ErrSlow = errors.New("upload too slow")
)

// Limits bound a Body.
type Limits struct {
	// Bytes is the most that an image may have.
	Bytes int64
	// Rate is how many bytes a second have to come on average, but for the first seconds; 0 for any rate.
	Rate int64
	// Deadline is until when all has to be there.
	Deadline time.Time
	// Field is the name of the file in a form; "" means "file".
	Field string
}

// Body is the body of one request.
type Body struct {
	wire   *pacedReader
	limits Limits
	// boundary separates the parts of a form; "" where the body is the image.
	boundary string
	// announced is the length of the body, -1 where the client does not tell it.
	announced int64
}

// Open looks at the header of a request. It reads nothing, so that a client that expects 100 (Continue) has sent
// nothing yet. setDeadline sets the deadline of reads of the body.
func Open(r *http.Request, setDeadline func(time.Time) error, limits Limits) (*Body, error) {
	b := &Body{limits: limits, announced: r.ContentLength, wire: &pacedReader{body: r.Body, setDeadline: setDeadline,
		end: limits.Deadline, rate: limits.Rate}}
	for _, coding := range r.Header["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return nil, fmt.Errorf("%w: the body has a content coding; send the image as it is", ErrUnsupported)
		}
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case !strings.HasPrefix(kind, "multipart/"): // the type is found from the bytes, whatever the client says
	case kind != "multipart/form-data":
		return nil, fmt.Errorf("%w: send the image itself, or a form (multipart/form-data)", ErrUnsupported)
	case err != nil || params["boundary"] == "" || len(params["boundary"]) > maxBoundary:
		return nil, fmt.Errorf("%w: the form has no valid boundary in its Content-Type", ErrBad)
	default:
		b.boundary = params["boundary"]
	}
	most := limits.Bytes
	if b.boundary != "" {
		most += maxBeside
	}
	switch {
	case b.announced == 0:
		return nil, fmt.Errorf("%w: the request has no body; send the image with a Content-Length, or chunked", ErrBad)
	case b.announced > most:
		return nil, b.tooLarge()
	}
	return b, nil
}

func (b *Body) tooLarge() error {
	return fmt.Errorf("%w: the image is larger than %d bytes (--max-source-size)", ErrTooLarge, b.limits.Bytes)
}

// reserveStep is how many bytes are reserved at a time where the length is not announced: all of most images.
const reserveStep = 4 << 20

// CopyTo writes the image to w. Before bytes are read, reserve admits them: all that the client has announced at
// once, or else in steps. began is called in between. The length of the image is that of what was written.
func (b *Body) CopyTo(w io.Writer, reserve func(int64) error, began func()) (size int64, err error) {
	c := copier{to: w, most: b.limits.Bytes, reserve: reserve}
	first := b.announced
	if first < 0 {
		first = min(reserveStep, b.limits.Bytes)
	}
	if err := c.reserveBytes(first); err != nil {
		return 0, err
	}
	began()
	b.wire.begin()
	defer b.wire.finish()
	if b.boundary == "" {
		err = c.copyFrom(b.wire)
	} else {
		err = b.copyFile(&c)
	}
	switch {
	case errors.Is(err, errOverMost):
		err = b.tooLarge()
	case err == nil && c.size == 0:
		err = fmt.Errorf("%w: the image is empty", ErrBad)
	}
	return c.size, err
}

// Received has each read tell how many bytes it got. It is called before CopyTo.
func (b *Body) Received(count func(n int)) { b.wire.count = count }

// Abort ends the read, also one that waits, with this error. It does nothing once all is read.
func (b *Body) Abort(because error) { b.wire.abort(because) }

// errOverMost: an image has more bytes than it may.
var errOverMost = errors.New("over the limit")

// copier copies an image, and never writes more than is reserved.
type copier struct {
	to                   io.Writer
	most, reserved, size int64
	reserve              func(int64) error
	// failed is the error of reserve or of to, if there was one.
	failed error
}

func (c *copier) reserveBytes(n int64) error {
	if n <= 0 {
		return nil
	}
	c.reserved += n
	c.failed = c.reserve(n)
	return c.failed
}

// copyFrom copies all that there is.
func (c *copier) copyFrom(from io.Reader) error {
	buffer := make([]byte, 32<<10)
	for {
		n, end := from.Read(buffer)
		if c.size+int64(n) > c.most {
			return errOverMost
		}
		// A step is longer than the buffer, so one is enough.
		if c.size+int64(n) > c.reserved {
			if err := c.reserveBytes(min(reserveStep, c.most-c.reserved)); err != nil {
				return err
			}
		}
		written, err := c.to.Write(buffer[:n])
		if c.size += int64(written); err != nil {
			c.failed = err
			return err
		}
		if errors.Is(end, io.EOF) {
			return nil
		}
		if end != nil {
			return end
		}
	}
}
