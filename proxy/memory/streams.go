package memory

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// MaxStreams is how many requests a client may have under way on one connection of HTTP/2.
const MaxStreams = 100

const (
	// receiveBuffer is how much of the bodies of requests HTTP/2 holds for a connection before they are read, in
	// bytes: the least that the protocol allows for. bodyClients are the clients whose memory that is.
	receiveBuffer = 64 << 10
	bodyClients   = receiveBuffer / perConnection
)

// http2Places is how many clients a connection of HTTP/2 counts for: idle, and with TLS, it takes 65 to 75 KiB, and
// without some 50. Half of that are stacks of its two goroutines and the buffer of the largest frame that it has sent.
const http2Places = 3

// HTTP2Config bounds what a connection of HTTP/2 may take.
func HTTP2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          MaxStreams,
		MaxReadFrameSize:              16 << 10, // the least; by default a frame of 1 MiB has a buffer
		MaxReceiveBufferPerConnection: receiveBuffer,
		MaxReceiveBufferPerStream:     receiveBuffer,
		WriteByteTimeout:              maxUnreadTime,
	}
}

// trackedOf is the connection that Connections tracks, also below TLS; nil for another one.
func trackedOf(c any) *trackedConn {
	if over, ok := c.(*secureConn); ok {
		return over.tracked
	}
	tracked, _ := c.(*trackedConn)
	return tracked
}

// connOf is the connection of a request; nil where Connections does not track it.
func connOf(r *http.Request) *trackedConn { return trackedOf(r.Context().Value(trackedConnKey{})) }

// AdmitStream counts a request that shares its connection with others (HTTP/2). The first one is paid for with the
// connection; each further one takes the place of a client until release is called, and one with a body the places
// whose memory the body may take before it is read. Where there is no room it is not ok: see RefuseStream.
func (cs *Connections) AdmitStream(r *http.Request) (release func(), ok bool) {
	c := connOf(r)
	if c == nil {
		return func() {}, true
	}
	places := 1
	if c.streams.Add(1) == 1 {
		places = 0
	}
	if r.ContentLength != 0 {
		places += bodyClients
	}
	if places > 0 && !cs.makeRoom(places) {
		c.streams.Add(-1)
		cs.refused.Add(1)
		return nil, false
	}
	cs.addOpen(places)
	c.meter.addHandlers(1)
	return func() {
		c.meter.addHandlers(-1)
		c.streams.Add(-1)
		cs.addOpen(-places)
	}, true
}

// meteredStreams are what frameMeters tell of streams.
type meteredStreams struct {
	// hasTLS: all connections are of TLS; readsFrames: they may be of HTTP/2 without. Set before the first one.
	hasTLS, readsFrames bool
	// uncounted is how many streams there are that are not among the open connections.
	uncounted atomic.Int64
	// conns are those of HTTP/2. The lock of Connections guards them.
	conns map[*trackedConn]struct{}
}

// speaksHTTP2 implements meterOwner. Where there is no room for what such a connection takes it is refused.
func (c *trackedConn) speaksHTTP2() bool {
	const more = http2Places - 1
	cs := c.conns
	cs.moveTo(c, nil) // it is not to make room for itself; net/http calls it idle next
	if !cs.makeRoom(more) {
		cs.refused.Add(1)
		return false
	}
	cs.mu.Lock()
	if c.released {
		cs.mu.Unlock()
		return true // its Read fails
	}
	if cs.streams.conns == nil {
		cs.streams.conns = map[*trackedConn]struct{}{}
	}
	cs.streams.conns[c] = struct{}{}
	if c.closing {
		cs.open.closing += more
	}
	cs.mu.Unlock()
	cs.addOpen(more)
	return true
}

// placesLocked is how many clients a connection counts for that is not released. The lock is held.
func (cs *Connections) placesLocked(c *trackedConn) int {
	if _, ok := cs.streams.conns[c]; ok {
		return http2Places
	}
	return 1
}

// streamBegan implements meterOwner. It bounds the streams that are not counted: those that net/http responds to by
// itself, and those whose handler has not begun or has ended. Where there are too many, the connection that has most of
// them is closed.
func (c *trackedConn) streamBegan() bool {
	cs := c.conns
	if cs.streams.uncounted.Load() <= int64(MaxStreams+cs.Limit()/8) {
		return true
	}
	switch most := cs.worstConn((*frameMeter).uncountedStreams); most {
	case c:
		return false
	case nil: // some have ended meanwhile
	default:
		most.abort()
	}
	return true
}

// cutSlowStreams closes the connection that reads most streams slowly, if one does, and reports whether there was one.
func (cs *Connections) cutSlowStreams() bool {
	now := time.Now()
	most := cs.worstConn(func(m *frameMeter) int { return m.slowStreams(now) })
	if most == nil {
		return false
	}
	most.abort()
	return true
}

// worstConn is the connection of HTTP/2 with the highest count; nil where all are 0.
func (cs *Connections) worstConn(count func(m *frameMeter) int) (worst *trackedConn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	most := 0
	for c := range cs.streams.conns {
		if n := count(&c.meter); n > most {
			worst, most = c, n
		}
	}
	return worst
}

// RefuseStream sends the 503 that a client gets for which there is no room.
func (cs *Connections) RefuseStream(w http.ResponseWriter) {
	id := cs.refusalID()
	body := refusalBody(id)
	h := w.Header()
	for _, field := range refusalFields {
		h.Set(field.name, field.value)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Request-Id", id)
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, body) // a client that has left needs no response
}
