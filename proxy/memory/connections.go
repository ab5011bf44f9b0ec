package memory

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Connections bounds how many clients are connected: each takes memory, whatever it
// asks for or waits for. Where there are as many as may be, a newcomer takes
// the place of another connection:
//
//  1. the one that has been silent for the longest, which is open and has not
//     sent a whole request. It has a moment to do so, but where more than half
//     of all are silent: a client that asks does so at once, and is not among
//     the oldest of very many;
//  2. the one that has been idle for the longest;
//  3. the one whose client reads its response most slowly.
//
// Where there is none the newcomer gets a 503 and is gone.
type Connections struct {
	// refusing has room for those who are being told so.
	refusalSlots chan struct{}
	// refusalID gives a request id for each client that is told so.
	refusalID func() string
	// OnChange, unless nil, is called when RoundedCount gives another number. This
	// and the next two are set before the first connection.
	OnChange func()
	// DynamicLimit, unless nil, is how many others allow for now.
	DynamicLimit func() int
	// CutSlowest, unless nil, closes the connection of a client that reads slowly,
	// and reports whether there was one.
	CutSlowest func() bool
	// spare is for how long a silent or an idle connection keeps its place all
	// the same: between two requests of a client that goes on asking.
	idleGrace time.Duration

	refused atomic.Uint64

	mu        sync.Mutex
	limit     int
	openCount int
	// leaving are those of the open ones that are about to be closed.
	closing int
	// silent and idle are of *gated, the longest so in front.
	silent, idle list.List
}

// IdleGrace is for how long a silent or an idle connection keeps its place.
const IdleGrace = time.Second

// NewConnections bounds clients to so many. refusalID gives a request id for each
// one that is refused.
func NewConnections(limit int, refusalID func() string) *Connections {
	return &Connections{refusalSlots: make(chan struct{}, 256), refusalID: refusalID, idleGrace: IdleGrace, limit: limit}
}

// gated is a connection that counts.
type trackedConn struct {
	net.Conn
	conns  *Connections
	closed sync.Once
	// in is the list of the gate that the connection is in, at its place; since is
	// from when on. The gate's lock guards them.
	list    *list.List
	element *list.Element
	since   time.Time
	// buffer is what the kernel may hold of a response; 0 where that is not known.
	sendBuffer int
	// leaving: it is about to be closed for another. gone: it counts no more.
	closing, released bool
}

func (c *trackedConn) Close() error {
	c.closed.Do(func() { c.conns.releaseConn(c) })
	return c.Conn.Close()
}

// abort closes a connection and throws away what the kernel has still to send.
func (c *trackedConn) abort() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // where it fails the kernel sends on for a while
	}
	c.Close()
}

// ReadFrom implements io.ReaderFrom: of a file the kernel sends it.
func (c *trackedConn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// writable waits until the kernel takes a part of a response at once, and gives how
// much of it. The write deadline ends the wait.
func (c *trackedConn) waitForBuffer() (n int64, err error) {
	t, ok := c.Conn.(*net.TCPConn)
	if !ok || c.sendBuffer == 0 {
		return pieceSize, nil
	}
	// It is writable where a third of what the kernel allots is free, which is
	// twice the buffer.
	return int64(c.sendBuffer / 2), waitUntilWritable(t)
}

// grain is in what steps clients are counted for others: not each of them
// need be told to the whole server.
const connStep = 32

func (cs *Connections) addOpen(n int) {
	cs.mu.Lock()
	before := cs.roundedOpen()
	cs.openCount += n
	changed := cs.roundedOpen() != before
	cs.mu.Unlock()
	if changed && cs.OnChange != nil {
		cs.OnChange()
	}
}

// left counts a connection out.
func (cs *Connections) releaseConn(c *trackedConn) {
	cs.mu.Lock()
	cs.moveToLocked(c, nil)
	c.released = true
	cs.mu.Unlock()
	cs.addOpen(-1)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.closing {
		cs.closing--
	}
}

func (cs *Connections) roundedOpen() int { return (cs.openCount + connStep - 1) / connStep * connStep }

// Count is how many are connected.
func (cs *Connections) Count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.openCount
}

// RoundedCount is how many are connected, rounded up.
func (cs *Connections) RoundedCount() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.roundedOpen()
}

// Limit is how many may be connected now.
func (cs *Connections) Limit() int {
	cs.mu.Lock()
	limit := cs.limit
	cs.mu.Unlock()
	if cs.DynamicLimit != nil {
		limit = min(limit, cs.DynamicLimit())
	}
	return limit
}

// Resize bounds clients to another number.
func (cs *Connections) Resize(limit int) {
	cs.mu.Lock()
	cs.limit = limit
	cs.mu.Unlock()
	cs.EvictDownTo(limit, 0)
}

// EvictDownTo closes connections, in the order that Connections says, until no more than so
// many are open, and says how many are. Silent and idle ones that are younger
// than spare stay. A request that is on its way on one is sent again by its client
// (RFC 9110 §9.2.2).
func (cs *Connections) EvictDownTo(limit int, grace time.Duration) (open int) {
	var out []*trackedConn
	cs.mu.Lock()
	for open = cs.openCount - cs.closing; open > max(limit, 0); open-- {
		c := cs.nextToEvict(grace)
		if c == nil {
			break
		}
		cs.moveToLocked(c, nil)
		c.closing = true
		cs.closing++
		out = append(out, c)
	}
	cs.mu.Unlock()
	for _, c := range out {
		c.Close()
	}
	return open
}

// first is the connection that is to go before all others, or nil. The lock is
// held.
func (cs *Connections) nextToEvict(grace time.Duration) *trackedConn {
	if e := cs.silent.Front(); e != nil && cs.silent.Len() > cs.openCount/2 {
		return e.Value.(*trackedConn)
	}
	for _, from := range []*list.List{&cs.silent, &cs.idle} {
		if e := from.Front(); e != nil && time.Since(e.Value.(*trackedConn).since) >= grace {
			return e.Value.(*trackedConn)
		}
	}
	return nil
}

// sendBuffer is what the kernel may hold of a response, in bytes, and crowdedBuffer
// where more than an eighth of all places are taken; it takes about twice that.
const sendBufferSize, crowdedSendBuffer = 64 << 10, 16 << 10

// enter counts a connection in, or says that there is no room for it.
func (cs *Connections) admitConn(c net.Conn) (in *trackedConn) {
	limit := cs.Limit()
	cs.mu.Lock()
	open := cs.openCount
	cs.mu.Unlock()
	if open >= limit && cs.EvictDownTo(limit-1, cs.idleGrace) >= limit && (cs.CutSlowest == nil || !cs.CutSlowest()) {
		cs.refused.Add(1)
		return nil
	}
	cs.addOpen(1)
	in = &trackedConn{Conn: c, conns: cs}
	if t, ok := c.(*net.TCPConn); ok {
		// The kernel would take up to megabytes for a client that does not
		// read. Where it fails the connection is of no use anyhow.
		buffer := sendBufferSize
		if open > limit/8 {
			buffer = crowdedSendBuffer
		}
		_ = t.SetWriteBuffer(buffer)
		in.sendBuffer = buffer
		setUserTimeout(t, defaultPieceTime)
	}
	cs.moveTo(in, &cs.silent)
	return in
}

// state follows connections as http.Server.ConnState tells of them. It says that
// one is active when a whole request has come.
func (cs *Connections) trackState(conn net.Conn, to http.ConnState) {
	c, ok := conn.(*trackedConn)
	if !ok {
		return
	}
	cs.mu.Lock()
	switch to {
	case http.StateNew: // as enter has it
	case http.StateIdle:
		cs.moveToLocked(c, &cs.idle)
	default:
		cs.moveToLocked(c, nil)
	}
	limit, open := cs.limit, cs.openCount
	cs.mu.Unlock()
	if open > limit {
		cs.EvictDownTo(limit, 0) // a limit that was lowered while all were busy
	}
}

// move puts a connection at the end of a list, or of none.
func (cs *Connections) moveTo(c *trackedConn, to *list.List) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.moveToLocked(c, to)
}

// take is move with the lock held. One that is gone is in no list.
func (cs *Connections) moveToLocked(c *trackedConn, to *list.List) {
	if c.released {
		to = nil
	}
	if c.list != nil {
		c.list.Remove(c.element)
	}
	if c.list, c.element = to, nil; to != nil {
		c.element, c.since = to.PushBack(c), time.Now()
	}
}

// fullText is the response to a client that there is no room for. It is written
// without having read the request, which may come or not, so the id is always a
// new one.
func refusalText(id string) string {
	body := "shed: The server has the maximum number of clients. Try again shortly. (request " + id + ")\n"
	return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nCache-Control: no-store\r\nRetry-After: 2\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: " + id +
		"\r\nConnection: close\r\n\r\n" + body
}

// refuse tells a client that there is no room. Closing a connection with
// something unread in it would make the kernel throw away what was written,
// so the request is read first, for a moment. Of very many at once some are
// told nothing.
func (cs *Connections) refuseConn(c net.Conn) {
	select {
	case cs.refusalSlots <- struct{}{}:
	default:
		c.Close()
		return
	}
	go func() {
		defer func() { <-cs.refusalSlots }()
		defer c.Close()
		id := cs.refusalID()
		_ = c.SetDeadline(time.Now().Add(time.Second)) // where it fails so does all that follows
		if _, err := io.WriteString(c, refusalText(id)); err != nil {
			return
		}
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
			_, _ = io.CopyN(io.Discard, c, 64<<10)
		}
	}()
}

// listener is a listener behind the gate.
type boundListener struct {
	net.Listener
	conns *Connections
}

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

// Refused is how many clients there was no room for.
func (cs *Connections) Refused() uint64 { return cs.refused.Load() }

// LimitListener makes an http.Server admit no more clients than there is room for.
func (cs *Connections) LimitListener(h *http.Server, l net.Listener) net.Listener {
	h.ConnState = cs.trackState
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, trackedConnKey{}, c)
	}
	return boundListener{l, cs}
}

// gatedKey finds the connection in the context of a request.
type trackedConnKey struct{}
