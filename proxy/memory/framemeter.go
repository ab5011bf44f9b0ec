package memory

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// preface is what a client of HTTP/2 begins with (RFC 9113 §3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// What a client may send, besides requests, bodies and what it owes to responses: so many frames at once, and so many a
// second from then on.
const (
	burstOfFrames   = 2000
	framesPerSecond = 500
	// framesPerData is how many more it may send for each frame of a response: windows, and cancellations.
	framesPerData = 4
)

var (
	errFlood   = errors.New("client sends too many frames that carry nothing")
	errNoRoom  = errors.New("no memory is left for a client of HTTP/2")
	errStreams = errors.New("client has too many streams that no memory is left for")
)

// meterOwner is told of the connection. It is not asked under the lock.
type meterOwner interface {
	// speaksHTTP2 is called once the preface has come. It is false where the connection has to end.
	speaksHTTP2() bool
	// streamBegan is false where the connection has to end.
	streamBegan() bool
}

// frameMeter follows the frames of HTTP/2 on a connection, of both directions. net/http responds by itself to some
// requests, and keeps what it has not sent: so streams are counted where they begin and end.
type frameMeter struct {
	owner meterOwner
	// allUncounted sums up the streams of all meters that are not counted.
	allUncounted *atomic.Int64
	// isHTTP1 is true once it is known that the connection is one of HTTP/1, isHTTP2 for one of HTTP/2.
	isHTTP1, isHTTP2 atomic.Bool
	// matched is how much of the preface has come, in bytes. Only who reads uses it.
	matched int
	in, out frameScanner

	mu sync.Mutex
	// streams are those that the client has begun and that have not ended; last is the last one.
	streams map[uint32]meteredStream
	last    uint32
	// handlers are those streams that Connections has admitted; uncounted is how many more there are.
	handlers, uncounted int
	frames              frameBudget
	ended               bool
}

// meteredStream is a stream. sent is how much of the response went out, in bytes, since its header did; zero for a
// stream without one.
type meteredStream struct {
	since time.Time
	sent  int64
}

// Types and flags of frames (RFC 9113 §6).
const (
	frameData, frameHeaders, frameReset = 0, 1, 3
	flagEndStream                       = 1
)

// frame is the header of a frame.
type frame struct {
	length      int
	kind, flags byte
	stream      uint32
}

func (f frame) endsStream() bool {
	return f.kind == frameReset || (f.kind == frameData || f.kind == frameHeaders) && f.flags&flagEndStream != 0
}

// frameScanner finds the headers of frames.
type frameScanner struct {
	head [9]byte
	have int
	// skip is how much is left of the frame that was found last, in bytes.
	skip int
}

// next returns the next frame that begins in b, and what follows its header.
func (s *frameScanner) next(b []byte) (f frame, rest []byte, ok bool) {
	n := min(s.skip, len(b))
	s.skip -= n
	m := copy(s.head[s.have:], b[n:])
	s.have += m
	if s.have < len(s.head) {
		return f, nil, false
	}
	s.have = 0
	h := s.head[:]
	f = frame{int(h[0])<<16 | int(h[1])<<8 | int(h[2]), h[3], h[4], binary.BigEndian.Uint32(h[5:]) & (1<<31 - 1)}
	s.skip = f.length
	return f, b[n+m:], true
}

// received meters what has come of the client. Its error ends the connection.
func (m *frameMeter) received(b []byte) error {
	if m.isHTTP1.Load() {
		return nil
	}
	n := min(len(preface)-m.matched, len(b))
	if string(b[:n]) != preface[m.matched:m.matched+n] {
		m.isHTTP1.Store(true)
		return nil
	}
	m.matched += n
	if n > 0 && m.matched == len(preface) {
		m.isHTTP2.Store(true)
		if !m.owner.speaksHTTP2() {
			return errNoRoom
		}
	}
	b = b[n:]
	begun := false
	m.mu.Lock()
	for len(b) > 0 {
		f, rest, ok := m.in.next(b)
		if !ok {
			break
		}
		b = rest
		begun = m.begin(f) || begun
		if !f.isUseful() && !m.frames.spend() {
			m.mu.Unlock()
			return errFlood
		}
	}
	m.mu.Unlock()
	if begun && !m.owner.streamBegan() {
		return errStreams
	}
	return nil
}

// isUseful is true for the frames of requests.
func (f frame) isUseful() bool {
	return f.kind == frameHeaders || f.kind == frameData && (f.length > 0 || f.flags&flagEndStream != 0)
}

// frameBudget is how many frames that carry nothing a client may send yet, as of a time.
type frameBudget struct {
	left int
	asOf time.Time
}

// spend takes one, and is false where there is none.
func (b *frameBudget) spend() bool {
	if b.left == 0 {
		now, since := time.Now(), time.Hour
		if !b.asOf.IsZero() {
			since = min(now.Sub(b.asOf), since)
		}
		b.asOf, b.left = now, int(min(since*framesPerSecond/time.Second, burstOfFrames))
	}
	if b.left == 0 {
		return false
	}
	b.left--
	return true
}

// begin begins or ends the stream of a frame that has come, and reports whether one has begun. The lock is held.
func (m *frameMeter) begin(f frame) bool {
	switch {
	case f.kind == frameReset:
		delete(m.streams, f.stream)
	case f.kind == frameHeaders && f.stream > m.last && f.stream%2 == 1:
		m.last = f.stream
		if m.streams == nil {
			m.streams = map[uint32]meteredStream{}
		}
		m.streams[f.stream] = meteredStream{}
	default:
		return false
	}
	m.recount()
	return f.kind == frameHeaders
}

// sent meters what was sent to the client.
func (m *frameMeter) sent(b []byte) {
	if !m.isHTTP2.Load() {
		return // net/http waits for the preface
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(b) > 0 {
		f, rest, ok := m.out.next(b)
		if !ok {
			return
		}
		b = rest
		m.end(f)
	}
}

// end ends the stream of a frame that was sent, or counts what it has had. The lock is held.
func (m *frameMeter) end(f frame) {
	if f.endsStream() {
		delete(m.streams, f.stream)
		m.recount()
		return
	}
	if f.kind != frameData && f.kind != frameHeaders {
		return
	}
	s, ok := m.streams[f.stream]
	if !ok {
		return
	}
	if f.kind == frameData {
		s.sent += int64(f.length)
		m.frames.left = min(m.frames.left+framesPerData, burstOfFrames)
	}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	m.streams[f.stream] = s
}

// recount tells Connections how many streams are not counted by it. The lock is held.
func (m *frameMeter) recount() {
	uncounted := max(len(m.streams)-max(m.handlers, 1), 0) // one is paid for with the connection
	if m.ended {
		uncounted = 0
	}
	if uncounted != m.uncounted {
		m.allUncounted.Add(int64(uncounted - m.uncounted))
		m.uncounted = uncounted
	}
}

// addHandlers adds n to the streams that Connections has admitted.
func (m *frameMeter) addHandlers(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers += n
	m.recount()
}

// close is for a connection that has ended.
func (m *frameMeter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	m.recount()
}

// uncountedStreams is how many streams Connections does not count.
func (m *frameMeter) uncountedStreams() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.uncounted
}

// slowStreams is how many streams are read slowly: like Transfer.isSlow, but also of responses that are no images.
func (m *frameMeter) slowStreams(now time.Time) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.streams {
		age := now.Sub(s.since)
		if !s.since.IsZero() && age >= minReadTime && float64(s.sent) <= slowRate*age.Seconds() {
			n++
		}
	}
	return n
}
