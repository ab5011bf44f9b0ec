package memory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// pieceSize is the size of a piece. Each piece of a response has its own time, so that a
// large response may take longer, and a client that stops is noticed as soon.
const pieceSize = 64 << 10

// errCut is the error of a write after the client was cut off.
var errCut = errors.New("client was cut off")

// PacedWriter writes a response in pieces, each of which has its own time.
type PacedWriter struct {
	http.ResponseWriter
	// inner is the ResponseWriter of net/http, which can have the kernel send a file.
	inner    http.ResponseWriter
	ctx      context.Context
	transfer *Transfer
	control  *http.ResponseController
	// conn is the connection; nil where Connections does not track it.
	conn *trackedConn
	// stream, unless nil, is where the response shares the connection with others (HTTP/2); conn is nil then.
	stream *streamCutter
	// left is how much of a piece the deadline in force is for yet, in bytes.
	left int
	// err is the first error of a write.
	err error
}

// Writer prepares the response of a transfer. Where the client was cut off before, the
// error is budget.ErrSaturated.
func (t *Transfer) Writer(w http.ResponseWriter, r *http.Request) (*PacedWriter, error) {
	p := &PacedWriter{ResponseWriter: w, inner: w, ctx: r.Context(), transfer: t}
	for {
		outer, ok := p.inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		p.inner = outer.Unwrap()
	}
	p.control = http.NewResponseController(p.inner)
	abort := func() { _ = p.control.SetWriteDeadline(time.Unix(1, 0)) }
	switch conn := connOf(r); {
	case conn == nil:
	case r.ProtoMajor == 1:
		abort, p.conn = conn.abort, conn
	default:
		p.stream = newStreamCutter(func() { t.cut(cutTimeout) }, conn, p.control)
		abort = p.stream.abort
	}
	if !t.start(abort, p.stream) {
		return nil, budget.ErrSaturated
	}
	return p, nil
}

// extendDeadline gives the client time for the next piece.
func (p *PacedWriter) extendDeadline() error {
	p.left = pieceSize
	if p.stream != nil {
		return p.transfer.extendDeadline(p.stream.setDeadline)
	}
	return p.transfer.extendDeadline(p.control.SetWriteDeadline)
}

// Serve sends as much of an entry as a request asks for. After an error the client has not
// received all of it.
func (p *PacedWriter) Serve(r *http.Request, e *cache.Entry) error {
	err := p.extendDeadline() // for the header
	if p.recordWrite(0, err) == nil {
		http.ServeContent(p, r, "", e.LastModified, contentOf(e))
	}
	p.transfer.cutAfterTimeout(p.err)
	return p.err
}

// recordWrite counts n bytes as sent, and keeps the first error.
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
		if p.left <= 0 {
			if err = p.extendDeadline(); err != nil {
				return n, p.recordWrite(0, err)
			}
		}
		m, err := p.ResponseWriter.Write(b[n:min(n+p.left, len(b))])
		p.left -= m
		if n += m; p.recordWrite(int64(m), err) != nil || n == len(b) {
			return n, err
		}
	}
}

// ReadFrom implements io.ReaderFrom, which http.ServeContent uses for the content. The body
// of an entry is written from where it is, and a file is sent by the kernel, so that a slow
// client holds no buffer.
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

// sendFile has the kernel send a part of a file.
func (p *PacedWriter) sendFile(kernel io.ReaderFrom, c *fileContent, size int64) (n int64, err error) {
	at, err := c.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = c.file.File.Seek(c.file.Offset+at, io.SeekStart)
	}
	for err == nil && n < size {
		end := n + min(pieceSize, size-n)
		// Read ahead, within ctx: the kernel's own read of a stalled disk has no end.
		if err = c.file.Prefetch(p.ctx, at+n, end-n); err != nil {
			break
		}
		if err = p.extendDeadline(); err != nil {
			break
		}
		for err == nil && n < end {
			var m int64
			m, err = p.sendWhenWritable(kernel, c, end-n)
			n += m
		}
	}
	return n, p.recordWrite(0, err)
}

// sendWhenWritable waits until the kernel has room, and sends at most size bytes of a file.
// A wait in ReadFrom of net/http would hold a buffer.
func (p *PacedWriter) sendWhenWritable(kernel io.ReaderFrom, c *fileContent, size int64) (n int64, err error) {
	if p.conn != nil {
		room, err := p.conn.waitForBuffer()
		if err != nil {
			return 0, err
		}
		size = min(size, room)
	}
	n, err = kernel.ReadFrom(&io.LimitedReader{R: c.file.File, N: size})
	p.transfer.recordProgress(n)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// memoryContent is the content of an entry in memory, fileContent that of one in a file.
type memoryContent struct {
	*bytes.Reader
	body []byte
}

type fileContent struct {
	io.ReadSeeker
	file *cache.FileContent
}

// contentOf returns the content of an entry in the form that ReadFrom knows.
func contentOf(e *cache.Entry) io.ReadSeeker {
	if e.Body != nil {
		return &memoryContent{bytes.NewReader(e.Body), e.Body}
	}
	if f := e.File(); f != nil {
		return &fileContent{e.Content(), f}
	}
	return e.Content()
}
