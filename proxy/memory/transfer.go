package memory

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Transfer is a client that reads an entry.
type Transfer struct {
	responses *Responses
	result    *inFlightResult // nil for an entry in a file
	// admittedAt is when the client was admitted. The lock of Responses guards it until
	// then.
	admittedAt time.Time
	sentBytes  atomic.Int64
	// lastProgress is the time from admittedAt to the last bytes that were sent.
	lastProgress atomic.Int64

	mu sync.Mutex
	// abort ends the connection, or the stream; nil before the response begins.
	abort func()
	// stream, unless nil, is what abort ends without the connection.
	stream *streamCutter
	// ended is true when the client was cut off or has read all.
	ended bool
}

// Sent is how much of the content the client has been sent, in bytes.
func (t *Transfer) Sent() int64 { return t.sentBytes.Load() }

// readRate is the rate in bytes a second: the average, or the rate of the piece that is
// waited for where that is lower. The kernels of both sides take the first bytes at once.
func (t *Transfer) readRate(now time.Time) float64 {
	age := now.Sub(t.admittedAt)
	waits := max(age-time.Duration(t.lastProgress.Load()), time.Millisecond)
	return min(float64(t.sentBytes.Load())/max(age, minReadTime).Seconds(), pieceSize/waits.Seconds())
}

// recordProgress counts n bytes as sent.
func (t *Transfer) recordProgress(n int64) {
	t.sentBytes.Add(n)
	t.lastProgress.Store(int64(time.Since(t.admittedAt)))
}

// isSlow reports whether the client may be cut off for others.
func (t *Transfer) isSlow(now time.Time) bool {
	age := now.Sub(t.admittedAt)
	return t.isStarted() && (age >= maxReadTime || age >= minReadTime && t.readRate(now) <= slowRate)
}

// isStarted reports whether the response has begun and not ended.
func (t *Transfer) isStarted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.abort != nil && !t.ended
}

// start begins the response. abort cuts it off, and stream, unless nil, is that of it. It reports false where the
// client was cut off before.
func (t *Transfer) start(abort func(), stream *streamCutter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abort, t.stream = abort, stream
	return !t.ended
}

// markCut marks the transfer as cut off, if it has not ended. The caller calls abort then,
// without locks.
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

// markEnded keeps the transfer from being cut off.
func (t *Transfer) markEnded() {
	t.mu.Lock()
	stream := t.stream
	t.ended = true
	t.mu.Unlock()
	if stream != nil {
		stream.end() // waits for an abort under way, which may want the lock
	}
}

// extendDeadline gives the client time for the next piece.
func (t *Transfer) extendDeadline(setDeadline func(time.Time) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errCut
	}
	// The error says that there is no connection below, as in tests.
	_ = setDeadline(time.Now().Add(t.responses.PieceTime))
	return nil
}

// cutAfterTimeout cuts off a client that did not take a piece in time.
func (t *Transfer) cutAfterTimeout(err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	t.cut(cutTimeout)
}

// cut cuts the client off, if it has not ended.
func (t *Transfer) cut(reason int) {
	if abort, ok := t.markCut(); ok {
		t.responses.cuts[reason].Add(1)
		abort()
	}
}
