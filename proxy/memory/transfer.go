package memory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// A client has pieceTime for each piece of a response, in bytes. How long a response
// may take follows from that: a large one is given more pieces, and none of them
// more time.
const (
	pieceSize        = 64 << 10
	defaultPieceTime = 20 * time.Second
)

// errCut: the client was cut off, as it reads slowly and others need what it holds.
var errCut = errors.New("client was cut off")

// Transfer is a client that reads an entry.
type Transfer struct {
	responses *Responses
	result    *inFlightResult // nil for a file
	// began is when it was let in; guarded by the lock of sending until then.
	admittedAt time.Time
	sentBytes  atomic.Int64
	// took is when it took a piece last, after began.
	lastProgress atomic.Int64

	mu sync.Mutex
	// abort ends the connection, or the stream; nil before the first byte.
	abort func()
	// over: it was cut off, or has come to its end.
	ended bool
}

// Sent is how much of the content the client has been sent, in bytes.
func (t *Transfer) Sent() int64 { return t.sentBytes.Load() }

// rate is how fast it was so far, or is now where that is less, in bytes a second:
// at first the kernels of both sides take much.
func (t *Transfer) readRate(now time.Time) float64 {
	age := now.Sub(t.admittedAt)
	waits := max(age-time.Duration(t.lastProgress.Load()), time.Millisecond)
	return min(float64(t.sentBytes.Load())/max(age, minReadTime).Seconds(), pieceSize/waits.Seconds())
}

// progress counts what it took.
func (t *Transfer) recordProgress(n int64) {
	t.sentBytes.Add(n)
	t.lastProgress.Store(int64(time.Since(t.admittedAt)))
}

// slow says whether it may be cut off for others.
func (t *Transfer) isSlow(now time.Time) bool {
	age := now.Sub(t.admittedAt)
	return t.isStarted() && (age >= maxReadTime || age >= minReadTime && t.readRate(now) <= slowRate)
}

func (t *Transfer) isStarted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.abort != nil && !t.ended
}

// start says how it can be cut off, and reports whether it may go on.
func (t *Transfer) start(abort func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abort = abort
	return !t.ended
}

// cut cuts it off, and reports whether it was under way: then the caller calls
// abort.
func (t *Transfer) markCut() (abort func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, false
	}
	t.ended = true
	if t.abort == nil {
		return func() {}, true
	}
	return t.abort, true
}

// finish keeps it from being cut off.
func (t *Transfer) markEnded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// PacedWriter writes a response in pieces, each of which has its own time.
type PacedWriter struct {
	http.ResponseWriter
	// inner is the ResponseWriter of net/http, which can have the kernel send a file.
	inner    http.ResponseWriter
	ctx      context.Context
	transfer *Transfer
	control  *http.ResponseController
	// conn is the connection; nil where the gate does not have it.
	conn *trackedConn
	err  error
}

// more gives the client time for a piece.
func (p *PacedWriter) extendDeadline() error {
	p.transfer.mu.Lock()
	defer p.transfer.mu.Unlock()
	if p.transfer.ended {
		return errCut
	}
	// Fails where there is no connection below, as in tests: no harm then.
	_ = p.control.SetWriteDeadline(time.Now().Add(p.transfer.responses.PieceTime))
	return nil
}

// sent counts what was written.
func (p *PacedWriter) recordWrite(n int64, err error) error {
	p.transfer.recordProgress(n)
	if err != nil && p.err == nil {
		p.err = err
	}
	return err
}

// Write implements io.Writer.
func (p *PacedWriter) Write(b []byte) (n int, err error) {
	for {
		if err = p.extendDeadline(); err != nil {
			return n, p.recordWrite(0, err)
		}
		m, err := p.ResponseWriter.Write(b[n:min(n+pieceSize, len(b))])
		if n += m; p.recordWrite(int64(m), err) != nil || n == len(b) {
			return n, err
		}
	}
}

// ReadFrom implements io.ReaderFrom: it is what http.ServeContent gives its content
// to. The bytes of an entry are written from where they are, and those of a file
// by the kernel, so that a client that waits holds no buffer.
func (p *PacedWriter) ReadFrom(from io.Reader) (int64, error) {
	limited, ok := from.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{p}, from)
	}
	switch c := limited.R.(type) {
	case *memoryContent:
		at := int64(len(c.body)) - int64(c.Len())
		n, err := p.Write(c.body[at : at+min(limited.N, int64(c.Len()))])
		_, _ = c.Seek(int64(n), io.SeekCurrent) // cannot fail
		return int64(n), err
	case *fileContent:
		if kernel, ok := p.inner.(io.ReaderFrom); ok {
			return p.sendFile(kernel, c, limited.N)
		}
	}
	return io.CopyBuffer(struct{ io.Writer }{p}, from, make([]byte, max(min(limited.N, 4<<10), 1)))
}

func (p *PacedWriter) sendFile(kernel io.ReaderFrom, c *fileContent, size int64) (n int64, err error) {
	at, err := c.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = c.file.File.Seek(c.file.Offset+at, io.SeekStart)
	}
	for err == nil && n < size {
		end := n + min(pieceSize, size-n)
		// The kernel would wait for a disk that hangs, and nothing could end that.
		if err = c.file.Prefetch(p.ctx, at+n, end-n); err != nil {
			break
		}
		if err = p.extendDeadline(); err != nil {
			break
		}
		for err == nil && n < end {
			// Whoever waits in ReadFrom of net/http holds a buffer of it.
			most, m := int64(pieceSize), int64(0)
			if p.conn != nil {
				if most, err = p.conn.waitForBuffer(); err != nil {
					break
				}
			}
			want := min(most, end-n)
			m, err = kernel.ReadFrom(&io.LimitedReader{R: c.file.File, N: want})
			if n += m; err == nil && m < want {
				err = io.ErrUnexpectedEOF
			}
			p.transfer.recordProgress(m)
		}
	}
	return n, p.recordWrite(0, err)
}

// memoryContent and fileContent are the content of an entry.
type memoryContent struct {
	*bytes.Reader
	body []byte
}

type fileContent struct {
	io.ReadSeeker
	file *cache.FileContent
}

func contentOf(e *cache.Entry) io.ReadSeeker {
	if e.Body != nil {
		return &memoryContent{bytes.NewReader(e.Body), e.Body}
	}
	if f := e.File(); f != nil {
		return &fileContent{e.Content(), f}
	}
	return e.Content()
}

// Writer prepares the writing of a response. Where the client was cut off while it
// waited the error is budget.ErrSaturated.
func (t *Transfer) Writer(w http.ResponseWriter, r *http.Request) (*PacedWriter, error) {
	p := &PacedWriter{ResponseWriter: w, inner: w, ctx: r.Context(), transfer: t}
	if outer, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		p.inner = outer.Unwrap()
	}
	p.control = http.NewResponseController(p.inner)
	abort := func() { _ = p.control.SetWriteDeadline(time.Unix(1, 0)) }
	if conn, ok := r.Context().Value(trackedConnKey{}).(*trackedConn); ok {
		abort, p.conn = conn.abort, conn
	}
	if !t.start(abort) {
		return nil, budget.ErrSaturated
	}
	return p, nil
}

// Serve sends an entry as far as a request asks for it. Where it gives an error the
// client has not got all.
func (p *PacedWriter) Serve(r *http.Request, e *cache.Entry) error {
	err := p.extendDeadline() // for the header
	if p.recordWrite(0, err) == nil {
		http.ServeContent(p, r, "", e.LastModified, contentOf(e))
	}
	if errors.Is(p.err, os.ErrDeadlineExceeded) {
		if abort, ok := p.transfer.markCut(); ok {
			p.transfer.responses.cuts[cutTimeout].Add(1)
			abort()
		}
	}
	return p.err
}
