package memory

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Connections bounds how many clients are connected, because each connection takes memory,
// also while it waits. Where the limit is reached, a new client takes the place of another:
//
//  1. of the connection that has been silent for the longest. A silent connection is open
//     and has not sent a whole request. It has IdleGrace to do so, but none where more than
//     half of all connections are silent: a client that sends its request at once is not
//     among the oldest of very many;
//  2. of the connection that has been idle for the longest;
//  3. of the client that reads its response most slowly.
//
// Where there is none of these the new client gets a 503.
type Connections struct {
	// refusalSlots bounds how many clients are being sent a 503.
	refusalSlots chan struct{}
	// refusalID returns a request id for a client that is refused.
	refusalID func() string
	// OnChange, unless nil, is called when RoundedCount has changed. It and the next two
	// fields are set before the first connection.
	OnChange func()
	// DynamicLimit, unless nil, returns a second limit, which changes with the load.
	DynamicLimit func() int
	// CutSlowest, unless nil, closes the connection of the slowest reader, if one is slow,
	// and reports whether there was one.
	CutSlowest func() bool
	// idleGrace is IdleGrace, but in tests.
	idleGrace time.Duration

	refused atomic.Uint64

	mu    sync.Mutex
	limit int
	open  openCounts
	// silent and idle are lists of *trackedConn, the oldest first.
	silent, idle list.List
	// streams are those of HTTP/2.
	streams meteredStreams
}

// openCounts are of what is open: connections, and the places that they take, one each, or more by one of HTTP/2 and
// its streams; closing are those of connections that are about to be closed.
type openCounts struct{ conns, places, closing int }

// IdleGrace is how long a silent or an idle connection keeps its place while new clients
// come: a client that sends one request after the other is idle between them.
const IdleGrace = time.Second

// maxUnreadTime is how long a client may take nothing of what the server has to send.
const maxUnreadTime = 20 * time.Second

// NewConnections allows limit connections. refusalID returns a request id for each client
// that is refused.
func NewConnections(limit int, refusalID func() string) *Connections {
	return &Connections{
		refusalSlots: make(chan struct{}, 256),
		refusalID:    refusalID,
		idleGrace:    IdleGrace,
		limit:        limit,
	}
}

// connStep is the step of RoundedCount, so that budgets do not change with each connection.
const connStep = 32

// addOpen adds n to the number of places that are taken.
func (cs *Connections) addOpen(n int) {
	cs.mu.Lock()
	before := cs.roundedOpen()
	cs.open.places += n
	changed := cs.roundedOpen() != before
	cs.mu.Unlock()
	if changed && cs.OnChange != nil {
		cs.OnChange()
	}
}

// releaseConn removes a connection that was closed.
func (cs *Connections) releaseConn(c *trackedConn) {
	c.meter.close()
	cs.mu.Lock()
	cs.moveToLocked(c, nil)
	c.released = true
	places := cs.placesLocked(c)
	cs.open.conns--
	delete(cs.streams.conns, c)
	cs.mu.Unlock()
	cs.addOpen(-places)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.closing {
		cs.open.closing -= places
	}
}

// roundedOpen is RoundedCount with the lock held.
func (cs *Connections) roundedOpen() int {
	return (cs.open.places + connStep - 1) / connStep * connStep
}

// Count is how many clients are connected. One of HTTP/2 counts for several, and so do those of its requests that share
// the connection (see AdmitStream).
func (cs *Connections) Count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.open.places
}

// RoundedCount is Count, rounded up in steps.
func (cs *Connections) RoundedCount() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.roundedOpen()
}

// Limit is how many clients may be connected now.
func (cs *Connections) Limit() int {
	cs.mu.Lock()
	limit := cs.limit
	cs.mu.Unlock()
	if cs.DynamicLimit != nil {
		limit = min(limit, cs.DynamicLimit())
	}
	return limit
}

// Resize changes the limit, and closes connections that are too many for it.
func (cs *Connections) Resize(limit int) {
	cs.mu.Lock()
	cs.limit = limit
	cs.mu.Unlock()
	cs.EvictDownTo(limit, 0)
}

// EvictDownTo closes silent and idle connections, in the order that Connections says, until
// no more than limit places are taken, and returns how many are. Connections that have been silent
// or idle for less than grace stay. A client sends a request again that was on its way on a
// closed connection (RFC 9110 §9.2.2).
func (cs *Connections) EvictDownTo(limit int, grace time.Duration) (open int) {
	var out []*trackedConn
	cs.mu.Lock()
	for open = cs.open.places - cs.open.closing; open > max(limit, 0); {
		c := cs.nextToEvict(grace)
		if c == nil {
			break
		}
		cs.moveToLocked(c, nil)
		c.closing = true
		places := cs.placesLocked(c)
		cs.open.closing += places
		open -= places
		out = append(out, c)
	}
	cs.mu.Unlock()
	for _, c := range out {
		c.Close()
	}
	return open
}

// nextToEvict returns the connection that is to be closed before all others, or nil. The
// lock is held.
func (cs *Connections) nextToEvict(grace time.Duration) *trackedConn {
	if e := cs.silent.Front(); e != nil && cs.silent.Len() > cs.open.conns/2 {
		return e.Value.(*trackedConn)
	}
	for _, from := range []*list.List{&cs.silent, &cs.idle} {
		if e := from.Front(); e != nil && time.Since(e.Value.(*trackedConn).since) >= grace {
			return e.Value.(*trackedConn)
		}
	}
	return nil
}

// sendBufferSize is how much of a response the kernel holds for a connection, in bytes, and
// crowdedSendBuffer where more than an eighth of the limit is in use. The kernel takes about
// twice as much memory.
const sendBufferSize, crowdedSendBuffer = 64 << 10, 16 << 10

// makeRoom reports whether n clients more have room, and closes connections for them.
func (cs *Connections) makeRoom(n int) bool {
	limit := cs.Limit()
	cs.mu.Lock()
	open := cs.open.places
	cs.mu.Unlock()
	return open+n <= limit || cs.EvictDownTo(limit-n, cs.idleGrace)+n <= limit ||
		cs.CutSlowest != nil && cs.CutSlowest() || cs.cutSlowStreams()
}

// admitConn tracks a new connection. It returns nil where there is no room for it.
func (cs *Connections) admitConn(c net.Conn) (in *trackedConn) {
	limit := cs.Limit()
	cs.mu.Lock()
	open := cs.open.places
	cs.mu.Unlock()
	if !cs.makeRoom(1) {
		cs.refused.Add(1)
		return nil
	}
	cs.addOpen(1)
	in = &trackedConn{Conn: c, conns: cs}
	in.meter.owner, in.meter.allUncounted = in, &cs.streams.uncounted
	if t, ok := c.(*net.TCPConn); ok {
		// By itself the kernel would take up to megabytes for a client that does not read.
		// After an error the connection is of no use anyhow.
		buffer := sendBufferSize
		if open > limit/8 {
			buffer = crowdedSendBuffer
		}
		_ = t.SetWriteBuffer(buffer)
		in.sendBuffer = buffer
		setUserTimeout(t, maxUnreadTime)
		in.socket.bind(t)
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.open.conns++
	cs.moveToLocked(in, &cs.silent)
	return in
}

// trackState is http.Server.ConnState. A connection becomes active when a whole request has
// come.
func (cs *Connections) trackState(conn net.Conn, to http.ConnState) {
	c := trackedOf(conn)
	if c == nil {
		return
	}
	cs.mu.Lock()
	switch to {
	case http.StateNew: // silent since admitConn
	case http.StateIdle:
		cs.moveToLocked(c, &cs.idle)
	default:
		cs.moveToLocked(c, nil)
	}
	limit, open := cs.limit, cs.open.places
	cs.mu.Unlock()
	if open > limit {
		cs.EvictDownTo(limit, 0) // a limit that was lowered while all were busy
	}
}

// moveTo puts a connection at the end of a list; nil for none.
func (cs *Connections) moveTo(c *trackedConn, to *list.List) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.moveToLocked(c, to)
}

// moveToLocked is moveTo with the lock held. A released connection is in no list.
func (cs *Connections) moveToLocked(c *trackedConn, to *list.List) {
	if c.released {
		to = nil
	}
	if c.list != nil {
		c.list.Remove(c.element)
	}
	c.list, c.element = to, nil
	if to != nil {
		c.element, c.since = to.PushBack(c), time.Now()
	}
}

// boundListener is a listener whose connections are tracked, and bounded.
type boundListener struct {
	net.Listener
	conns *Connections
}

// Accept implements net.Listener.
func (l boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := l.conns.admitConn(c); in != nil {
			return in, nil
		}
		l.conns.refuseConn(c)
	}
}

// Refused is how many clients were refused so far.
func (cs *Connections) Refused() uint64 { return cs.refused.Load() }

// LimitListener returns l with its connections bounded. It sets ConnState and ConnContext of the server that will serve
// it, which has TLS where it has a TLSConfig.
func (cs *Connections) LimitListener(h *http.Server, l net.Listener) net.Listener {
	h.ConnState = cs.trackState
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, trackedConnKey{}, c)
	}
	bounded := boundListener{l, cs}
	if h.TLSConfig != nil {
		return secure(h, bounded)
	}
	cs.streams.readsFrames = h.Protocols != nil && h.Protocols.UnencryptedHTTP2()
	return bounded
}

// trackedConnKey is the key of the *trackedConn in the context of a request.
type trackedConnKey struct{}
