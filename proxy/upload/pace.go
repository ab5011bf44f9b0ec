package upload

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// rateGrace is how long after the start of a body its rate does not count. A client that expects 100 (Continue) sends
// its first byte a round trip later.
const rateGrace = 5 * time.Second

// pacedReader reads a body as fast as the client has to send it.
type pacedReader struct {
	body        io.Reader
	setDeadline func(time.Time) error
	// count, unless nil, gets the number of bytes of each read.
	count func(n int)
	rate  int64
	start time.Time
	end   time.Time
	read  int64
	// failed is the error of a read, if there was one.
	failed error

	// mu guards what abort sets from another goroutine.
	mu      sync.Mutex
	aborted error
	over    bool
}

func (p *pacedReader) begin() { p.start = time.Now() }

// finish takes the deadline away, before it could end the wait of net/http for the next request.
func (p *pacedReader) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	_ = p.setDeadline(time.Time{}) // where it fails there is no connection any more
}

// abort ends the read with an error.
func (p *pacedReader) abort(because error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.aborted != nil {
		return
	}
	p.aborted = because
	_ = p.setDeadline(time.Unix(1, 0)) // as in finish
}

// arm sets the deadline of the next read.
func (p *pacedReader) arm() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aborted != nil {
		return p.aborted
	}
	at, _ := p.deadline()
	_ = p.setDeadline(at) // where it fails, the read does, too
	return nil
}

// deadline is until when the next byte has to come, and the error where it does not.
func (p *pacedReader) deadline() (time.Time, error) {
	late := fmt.Errorf("%w: the body was not there in time (--request-timeout)", ErrSlow)
	if p.rate <= 0 {
		return p.end, late
	}
	// Beyond the end it makes no difference, and so it cannot overflow.
	good := min(float64(p.read)/float64(p.rate), p.end.Sub(p.start).Seconds())
	if slow := p.start.Add(max(rateGrace, time.Duration(good*float64(time.Second)))); slow.Before(p.end) {
		return slow, fmt.Errorf("%w: the body came with less than %d bytes per second", ErrSlow, p.rate)
	}
	return p.end, late
}

// Read implements io.Reader.
func (p *pacedReader) Read(b []byte) (n int, err error) {
	if err = p.arm(); err == nil {
		n, err = p.body.Read(b)
	}
	p.read += int64(n)
	if p.count != nil {
		p.count(n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = p.readError(err)
		p.failed = err
	}
	return n, err
}

// readError is the error of a read in the words of this package.
func (p *pacedReader) readError(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.aborted != nil:
		return p.aborted
	case errors.Is(err, os.ErrDeadlineExceeded):
		_, late := p.deadline()
		return late
	}
	// The client has left, or what it sends is not HTTP.
	return fmt.Errorf("%w: the body breaks off, or is malformed", ErrBad)
}
