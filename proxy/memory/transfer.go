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
	piece     = 64 << 10
	pieceTime = 20 * time.Second
)

// errCut: the client was cut off, as it reads slowly and others need what it holds.
var errCut = errors.New("client was cut off")

// Transfer is a client that reads an entry.
type Transfer struct {
	responses *Responses
	out       *outgoing // nil for a file
	// began is when it was let in; guarded by the lock of sending until then.
	began time.Time
	sent  atomic.Int64
	// took is when it took a piece last, after began.
	took atomic.Int64

	mu sync.Mutex
	// abort ends the connection, or the stream; nil before the first byte.
	abort func()
	// over: it was cut off, or has come to its end.
	over bool
}

// Sent is how much of the content the client has been sent, in bytes.
func (t *Transfer) Sent() int64 { return t.sent.Load() }

// rate is how fast it was so far, or is now where that is less, in bytes a second:
// at first the kernels of both sides take much.
func (t *Transfer) rate(now time.Time) float64 {
	age := now.Sub(t.began)
	waits := max(age-time.Duration(t.took.Load()), time.Millisecond)
	return min(float64(t.sent.Load())/max(age, headStart).Seconds(), piece/waits.Seconds())
}

// progress counts what it took.
func (t *Transfer) progress(n int64) {
	t.sent.Add(n)
	t.took.Store(int64(time.Since(t.began)))
}

// slow says whether it may be cut off for others.
func (t *Transfer) slow(now time.Time) bool {
	age := now.Sub(t.began)
	return t.started() && (age >= turn || age >= headStart && t.rate(now) <= slowRate)
}

func (t *Transfer) started() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.abort != nil && !t.over
}

// start says how it can be cut off, and reports whether it may go on.
func (t *Transfer) start(abort func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abort = abort
	return !t.over
}

// cut cuts it off, and reports whether it was under way: then the caller calls
// abort.
func (t *Transfer) cut() (abort func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return nil, false
	}
	t.over = true
	if t.abort == nil {
		return func() {}, true
	}
	return t.abort, true
}

// finish keeps it from being cut off.
func (t *Transfer) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// PacedWriter writes a response in pieces, each of which has its own time.
type PacedWriter struct {
	http.ResponseWriter
	// inner is the ResponseWriter of net/http, which can have the kernel send a file.
	inner   http.ResponseWriter
	ctx     context.Context
	t       *Transfer
	control *http.ResponseController
	// conn is the connection; nil where the gate does not have it.
	conn *gated
	err  error
}

// more gives the client time for a piece.
func (p *PacedWriter) more() error {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.t.over {
		return errCut
	}
	// Fails where there is no connection below, as in tests: no harm then.
	_ = p.control.SetWriteDeadline(time.Now().Add(p.t.responses.PieceTime))
	return nil
}

// sent counts what was written.
func (p *PacedWriter) sent(n int64, err error) error {
	p.t.progress(n)
	if err != nil && p.err == nil {
		p.err = err
	}
	return err
}

// Write implements io.Writer.
func (p *PacedWriter) Write(b []byte) (n int, err error) {
	for {
		if err = p.more(); err != nil {
			return n, p.sent(0, err)
		}
		m, err := p.ResponseWriter.Write(b[n:min(n+piece, len(b))])
		if n += m; p.sent(int64(m), err) != nil || n == len(b) {
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
			return p.fromFile(kernel, c, limited.N)
		}
	}
	return io.CopyBuffer(struct{ io.Writer }{p}, from, make([]byte, max(min(limited.N, 4<<10), 1)))
}

func (p *PacedWriter) fromFile(kernel io.ReaderFrom, c *fileContent, size int64) (n int64, err error) {
	at, err := c.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = c.file.File.Seek(c.file.Offset+at, io.SeekStart)
	}
	for err == nil && n < size {
		end := n + min(piece, size-n)
		// The kernel would wait for a disk that hangs, and nothing could end that.
		if err = c.file.Prefetch(p.ctx, at+n, end-n); err != nil {
			break
		}
		if err = p.more(); err != nil {
			break
		}
		for err == nil && n < end {
			// Whoever waits in ReadFrom of net/http holds a buffer of it.
			most, m := int64(piece), int64(0)
			if p.conn != nil {
				if most, err = p.conn.writable(); err != nil {
					break
				}
			}
			want := min(most, end-n)
			m, err = kernel.ReadFrom(&io.LimitedReader{R: c.file.File, N: want})
			if n += m; err == nil && m < want {
				err = io.ErrUnexpectedEOF
			}
			p.t.progress(m)
		}
	}
	return n, p.sent(0, err)
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
	p := &PacedWriter{ResponseWriter: w, inner: w, ctx: r.Context(), t: t}
	if outer, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		p.inner = outer.Unwrap()
	}
	p.control = http.NewResponseController(p.inner)
	abort := func() { _ = p.control.SetWriteDeadline(time.Unix(1, 0)) }
	if conn, ok := r.Context().Value(gatedKey{}).(*gated); ok {
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
	err := p.more() // for the header
	if p.sent(0, err) == nil {
		http.ServeContent(p, r, "", e.LastModified, contentOf(e))
	}
	if errors.Is(p.err, os.ErrDeadlineExceeded) {
		if abort, ok := p.t.cut(); ok {
			p.t.responses.cuts[cutLate].Add(1)
			abort()
		}
	}
	return p.err
}
