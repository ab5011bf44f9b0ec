package memory

import (
	"net/http"
	"sync"
	"time"
)

// maxShares is the most that the time for a piece grows by with streams: a client shares what its line
// carries among them. Browsers open six connections of HTTP/1 for the same.
const maxShares = 6

// streamCutter ends the response of one stream of a connection, and keeps the time of its pieces. net/http's own
// deadlines of streams are set by its goroutine of the connection, for which a caller with a lock must not wait.
type streamCutter struct {
	conn    *trackedConn
	control *http.ResponseController
	timer   *time.Timer

	mu sync.Mutex
	// ended is true when the handler may have returned: then the stream is net/http's.
	ended bool
}

// newStreamCutter is for a response that is about to begin. late is called where the client does not take a piece in
// time.
func newStreamCutter(late func(), conn *trackedConn, control *http.ResponseController) *streamCutter {
	s := &streamCutter{conn: conn, control: control}
	_ = control.SetWriteDeadline(time.Time{}) // the pieces have deadlines of their own
	s.timer = time.AfterFunc(time.Hour, late)
	return s
}

// setDeadline gives the client until then for the next piece, and more where the connection has more streams.
func (s *streamCutter) setDeadline(at time.Time) error {
	shares := min(max(s.conn.streams.Load(), 1), maxShares)
	s.timer.Reset(time.Until(at) * time.Duration(shares))
	return nil
}

// abort resets the stream. Where the connection is stuck, its client reads no stream at all, and a write that waits
// would hold the result.
func (s *streamCutter) abort() {
	s.mu.Lock()
	ended := s.ended
	if !ended {
		_ = s.control.SetWriteDeadline(time.Unix(1, 0)) // where it fails the stream is gone
	}
	s.mu.Unlock()
	if !ended && s.conn.isBlocked() {
		s.conn.abort()
	}
}

// end comes before the handler returns.
func (s *streamCutter) end() {
	s.timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}
