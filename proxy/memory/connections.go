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
	refusing chan struct{}
	// refusalID gives a request id for each client that is told so.
	refusalID func() string
	// OnChange, unless nil, is called when RoundedCount gives another number. This
	// and the next two are set before the first connection.
	OnChange func()
	// LimitNow, unless nil, is how many others allow for now.
	LimitNow func() int
	// CutSlowest, unless nil, closes the connection of a client that reads slowly,
	// and reports whether there was one.
	CutSlowest func() bool
	// spare is for how long a silent or an idle connection keeps its place all
	// the same: between two requests of a client that goes on asking.
	spare time.Duration

	refused atomic.Uint64

	mu   sync.Mutex
	most int
	open int
	// leaving are those of the open ones that are about to be closed.
	leaving int
	// silent and idle are of *gated, the longest so in front.
	silent, idle list.List
}

// IdleGrace is for how long a silent or an idle connection keeps its place.
const IdleGrace = time.Second

// NewConnections bounds clients to so many. refusalID gives a request id for each
// one that is refused.
func NewConnections(most int, refusalID func() string) *Connections {
	return &Connections{refusing: make(chan struct{}, 256), refusalID: refusalID, spare: IdleGrace, most: most}
}

// gated is a connection that counts.
type gated struct {
	net.Conn
	gate   *Connections
	closed sync.Once
	// in is the list of the gate that the connection is in, at its place; since is
	// from when on. The gate's lock guards them.
	in    *list.List
	at    *list.Element
	since time.Time
	// buffer is what the kernel may hold of a response; 0 where that is not known.
	buffer int
	// leaving: it is about to be closed for another. gone: it counts no more.
	leaving, gone bool
}

func (c *gated) Close() error {
	c.closed.Do(func() { c.gate.left(c) })
	return c.Conn.Close()
}

// abort closes a connection and throws away what the kernel has still to send.
func (c *gated) abort() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // where it fails the kernel sends on for a while
	}
	c.Close()
}

// ReadFrom implements io.ReaderFrom: of a file the kernel sends it.
func (c *gated) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// writable waits until the kernel takes a part of a response at once, and gives how
// much of it. The write deadline ends the wait.
func (c *gated) writable() (n int64, err error) {
	t, ok := c.Conn.(*net.TCPConn)
	if !ok || c.buffer == 0 {
		return piece, nil
	}
	// It is writable where a third of what the kernel allots is free, which is
	// twice the buffer.
	return int64(c.buffer / 2), waitWritable(t)
}

// grain is in what steps clients are counted for others: not each of them
// need be told to the whole server.
const grain = 32

func (g *Connections) count(n int) {
	g.mu.Lock()
	before := g.rounded()
	g.open += n
	differs := g.rounded() != before
	g.mu.Unlock()
	if differs && g.OnChange != nil {
		g.OnChange()
	}
}

// left counts a connection out.
func (g *Connections) left(c *gated) {
	g.mu.Lock()
	g.take(c, nil)
	c.gone = true
	g.mu.Unlock()
	g.count(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.leaving {
		g.leaving--
	}
}

func (g *Connections) rounded() int { return (g.open + grain - 1) / grain * grain }

// Count is how many are connected.
func (g *Connections) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// RoundedCount is how many are connected, rounded up.
func (g *Connections) RoundedCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rounded()
}

// Limit is how many may be connected now.
func (g *Connections) Limit() int {
	g.mu.Lock()
	most := g.most
	g.mu.Unlock()
	if g.LimitNow != nil {
		most = min(most, g.LimitNow())
	}
	return most
}

// Resize bounds clients to another number.
func (g *Connections) Resize(most int) {
	g.mu.Lock()
	g.most = most
	g.mu.Unlock()
	g.EvictDownTo(most, 0)
}

// EvictDownTo closes connections, in the order that Connections says, until no more than so
// many are open, and says how many are. Silent and idle ones that are younger
// than spare stay. A request that is on its way on one is sent again by its client
// (RFC 9110 §9.2.2).
func (g *Connections) EvictDownTo(most int, spare time.Duration) (open int) {
	var out []*gated
	g.mu.Lock()
	for open = g.open - g.leaving; open > max(most, 0); open-- {
		c := g.first(spare)
		if c == nil {
			break
		}
		g.take(c, nil)
		c.leaving = true
		g.leaving++
		out = append(out, c)
	}
	g.mu.Unlock()
	for _, c := range out {
		c.Close()
	}
	return open
}

// first is the connection that is to go before all others, or nil. The lock is
// held.
func (g *Connections) first(spare time.Duration) *gated {
	if e := g.silent.Front(); e != nil && g.silent.Len() > g.open/2 {
		return e.Value.(*gated)
	}
	for _, from := range []*list.List{&g.silent, &g.idle} {
		if e := from.Front(); e != nil && time.Since(e.Value.(*gated).since) >= spare {
			return e.Value.(*gated)
		}
	}
	return nil
}

// sendBuffer is what the kernel may hold of a response, in bytes, and crowdedBuffer
// where more than an eighth of all places are taken; it takes about twice that.
const sendBuffer, crowdedBuffer = 64 << 10, 16 << 10

// enter counts a connection in, or says that there is no room for it.
func (g *Connections) enter(c net.Conn) (in *gated) {
	most := g.Limit()
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open >= most && g.EvictDownTo(most-1, g.spare) >= most && (g.CutSlowest == nil || !g.CutSlowest()) {
		g.refused.Add(1)
		return nil
	}
	g.count(1)
	in = &gated{Conn: c, gate: g}
	if t, ok := c.(*net.TCPConn); ok {
		// The kernel would take up to megabytes for a client that does not
		// read. Where it fails the connection is of no use anyhow.
		buffer := sendBuffer
		if open > most/8 {
			buffer = crowdedBuffer
		}
		_ = t.SetWriteBuffer(buffer)
		in.buffer = buffer
		limitUnread(t, pieceTime)
	}
	g.move(in, &g.silent)
	return in
}

// state follows connections as http.Server.ConnState tells of them. It says that
// one is active when a whole request has come.
func (g *Connections) state(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*gated)
	if !ok {
		return
	}
	g.mu.Lock()
	switch state {
	case http.StateNew: // as enter has it
	case http.StateIdle:
		g.take(c, &g.idle)
	default:
		g.take(c, nil)
	}
	most, open := g.most, g.open
	g.mu.Unlock()
	if open > most {
		g.EvictDownTo(most, 0) // a limit that was lowered while all were busy
	}
}

// move puts a connection at the end of a list, or of none.
func (g *Connections) move(c *gated, to *list.List) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.take(c, to)
}

// take is move with the lock held. One that is gone is in no list.
func (g *Connections) take(c *gated, to *list.List) {
	if c.gone {
		to = nil
	}
	if c.in != nil {
		c.in.Remove(c.at)
	}
	if c.in, c.at = to, nil; to != nil {
		c.at, c.since = to.PushBack(c), time.Now()
	}
}

// fullText is the response to a client that there is no room for. It is written
// without having read the request, which may come or not, so the id is always a
// new one.
func fullText(id string) string {
	body := "shed: The server has the maximum number of clients. Try again shortly. (request " + id + ")\n"
	return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nCache-Control: no-store\r\nRetry-After: 2\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: " + id +
		"\r\nConnection: close\r\n\r\n" + body
}

// refuse tells a client that there is no room. Closing a connection with
// something unread in it would make the kernel throw away what was written,
// so the request is read first, for a moment. Of very many at once some are
// told nothing.
func (g *Connections) refuse(c net.Conn) {
	select {
	case g.refusing <- struct{}{}:
	default:
		c.Close()
		return
	}
	go func() {
		defer func() { <-g.refusing }()
		defer c.Close()
		id := g.refusalID()
		_ = c.SetDeadline(time.Now().Add(time.Second)) // where it fails so does all that follows
		if _, err := io.WriteString(c, fullText(id)); err != nil {
			return
		}
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
			_, _ = io.CopyN(io.Discard, c, 64<<10)
		}
	}()
}

// listener is a listener behind the gate.
type listener struct {
	net.Listener
	gate *Connections
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := l.gate.enter(c); in != nil {
			return in, nil
		}
		l.gate.refuse(c)
	}
}

// Refused is how many clients there was no room for.
func (g *Connections) Refused() uint64 { return g.refused.Load() }

// Bound makes an http.Server admit no more clients than there is room for.
func (g *Connections) Bound(h *http.Server, l net.Listener) net.Listener {
	h.ConnState = g.state
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, gatedKey{}, c) }
	return listener{l, g}
}

// gatedKey finds the connection in the context of a request.
type gatedKey struct{}
