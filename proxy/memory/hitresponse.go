package memory

import (
	"bytes"
	"errors"
	"net/http"
	"sync"

	"github.com/pictor-proxy/pictor/cache"
)

// Hit is a response to a GET request with an entry that the RAM cache holds.
type Hit struct {
	Entry *cache.Entry
	// Status is 200, with the body of the entry, or 304, without.
	Status int
	// Length is the value of Content-Length.
	Length []string
	// Fields are lines of the header, as net/http writes them, each with its line break: all
	// but Date, Content-Length, Connection and X-Request-Id.
	Fields string
	// RequestID is the value of X-Request-Id.
	RequestID string
}

// HitSender sends hits on a connection. The kernel takes most of those that go out as they
// are, so they hold nothing that would have to be counted, and take no lock. A client that
// does not take all at once is a reader from then on, and counts like others. One of TLS or
// HTTP/2 is a reader from the beginning.
type HitSender struct {
	responses *Responses
	conn      *trackedConn
	to        flushingWriter
	// request is nil where the connection is plain HTTP/1.
	request *http.Request
}

// flushingWriter is the ResponseWriter of net/http.
type flushingWriter interface {
	http.ResponseWriter
	FlushError() error
}

// HitSender returns a sender for the response to a request. It is false where w is not that
// of net/http, or Connections does not track the connection.
func (rs *Responses) HitSender(w http.ResponseWriter, r *http.Request) (HitSender, bool) {
	to, ok := w.(flushingWriter)
	conn := connOf(r)
	if !ok || conn == nil {
		return HitSender{}, false
	}
	s := HitSender{responses: rs, conn: conn, to: to}
	if r.TLS != nil || r.ProtoMajor != 1 {
		s.request = r
	}
	return s, true
}

// outgoingHit is a hit that is being sent. It takes what net/http writes on a connection: the
// header first, which goes out with the body in one call of the kernel.
type outgoingHit struct {
	Hit
	responses *Responses
	conn      *trackedConn
	// head is the header; hasHead is true when net/http has written its part, and
	// sentHead when it was sent.
	head              []byte
	hasHead, sentHead bool
	// sent is how much of the body the kernel has taken.
	sent int64
	// transfer is the client as a reader; nil as long as it takes all at once.
	transfer *Transfer
}

// outgoingHits are hits that are used again, with their buffers.
var outgoingHits = sync.Pool{New: func() any { return &outgoingHit{head: make([]byte, 0, 2<<10)} }}

// errHead is of a header that is not in the form in which net/http writes it.
var errHead = errors.New("unexpected form of a response header")

// Send sends a hit, and returns how many bytes of the body were sent. After an error the
// client has not received all of it, and after budget.ErrSaturated nothing at all.
func (s HitSender) Send(hit Hit) (sent int64, err error) {
	if s.request != nil {
		return s.writeHit(hit)
	}
	out := outgoingHits.Get().(*outgoingHit)
	*out = outgoingHit{Hit: hit, responses: s.responses, conn: s.conn, head: out.head[:0]}
	s.conn.writer = out
	defer func() {
		s.conn.writer = nil
		sent = out.sent
		if out.transfer != nil {
			s.responses.Release(out.transfer)
		}
		*out = outgoingHit{head: out.head}
		outgoingHits.Put(out)
	}()
	if hit.Status == http.StatusOK {
		s.to.Header()["Content-Length"] = hit.Length
	}
	s.to.WriteHeader(hit.Status)
	if err = s.to.FlushError(); err != nil || hit.Status != http.StatusOK {
		return 0, err
	}
	if _, err = s.to.Write(hit.Entry.Body); err == nil && out.sent == 0 {
		err = s.to.FlushError() // net/http has the body in a buffer, as it is short
	}
	return 0, err
}

// Write implements io.Writer.
func (out *outgoingHit) Write(b []byte) (n int, err error) {
	if out.hasHead {
		return out.writeBody(b)
	}
	if out.hasHead = true; !out.makeHead(b) {
		return 0, errHead
	}
	if out.Status != http.StatusOK {
		_, err = out.writeBody(nil)
	}
	return len(b), err
}

// makeHead makes the header from that of net/http, which has only the lines that net/http
// adds. It is false where b is not a whole header.
func (out *outgoingHit) makeHead(b []byte) bool {
	const end = "\r\n\r\n"
	if !bytes.HasSuffix(b, []byte(end)) {
		return false
	}
	head := append(out.head, b[:len(b)-len(end)/2]...)
	head = append(head, out.Fields...)
	head = append(head, "X-Request-Id: "...)
	head = append(head, out.RequestID...)
	out.head = append(head, end...)
	return true
}

// writeBody sends a part of the body, the first one behind the header.
func (out *outgoingHit) writeBody(b []byte) (n int, err error) {
	head := out.head
	if out.sentHead {
		head = nil
	}
	out.sentHead = true
	if out.transfer == nil {
		taken, err := out.conn.socket.writeNow(head, b)
		if err != nil {
			return 0, err
		}
		inHead := min(taken, len(head))
		head, n = head[inHead:], taken-inHead
		out.sent += int64(n)
		if len(head) == 0 && n == len(b) {
			return n, nil
		}
		out.becomeReader()
	}
	if _, err = out.writePaced(head, false); err != nil {
		return n, err
	}
	m, err := out.writePaced(b[n:], true)
	out.sent += int64(m)
	return n + m, err
}

// becomeReader counts the client, who has not taken all at once.
func (out *outgoingHit) becomeReader() {
	read := out.Entry
	if out.Status != http.StatusOK {
		read = nil
	}
	out.transfer = out.responses.admitBlocked(read, out.sent, out.conn.abort)
}

// writePaced writes in pieces that have a time each. Those of the body are the progress of
// the client.
func (out *outgoingHit) writePaced(b []byte, isBody bool) (n int, err error) {
	t := out.transfer
	for err == nil && n < len(b) {
		if err = t.extendDeadline(out.conn.SetWriteDeadline); err != nil {
			break
		}
		var m int
		m, err = out.conn.writeAndWait(b[n:min(n+pieceSize, len(b))])
		if n += m; isBody {
			t.recordProgress(int64(m))
		}
	}
	t.cutAfterTimeout(err)
	return n, err
}
