package memory

import (
	"container/list"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// trackedConn is an open connection, and its place in the lists of Connections.
type trackedConn struct {
	net.Conn
	conns  *Connections
	closed sync.Once
	// list is the list that has the connection, as element, since a time; nil for none. The
	// lock of Connections guards these.
	list    *list.List
	element *list.Element
	since   time.Time
	// sendBuffer is how much of a response the kernel holds, in bytes; 0 for unknown.
	sendBuffer int
	// socket writes without waiting. The goroutine that serves the connection uses it, and
	// is the only one that writes.
	socket   socketWriter
	deadline writeDeadline
	// streams is how many requests are under way, where there can be several (HTTP/2).
	streams atomic.Int32
	// writer, unless nil, gets what net/http writes.
	writer io.Writer
	// meter follows the frames of HTTP/2.
	meter frameMeter
	// closing is true for a connection that is about to be closed for another one, released
	// for one that does not count any more.
	closing, released bool
}

// Close implements net.Conn.
func (c *trackedConn) Close() error {
	c.closed.Do(func() { c.conns.releaseConn(c) })
	return c.Conn.Close()
}

// abort closes the connection, and has the kernel discard what it has not sent.
func (c *trackedConn) abort() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // after an error the kernel sends on for a while
	}
	c.Close()
}

// Write implements net.Conn.
func (c *trackedConn) Write(b []byte) (n int, err error) {
	if c.writer != nil {
		return c.writer.Write(b)
	}
	n, err = c.write(b)
	if c.conns.streams.readsFrames {
		c.meter.sent(b[:n])
	}
	return n, err
}

// write writes at once what the kernel takes, and waits for the rest.
func (c *trackedConn) write(b []byte) (n int, err error) {
	if n, err = c.socket.writeNow(nil, b); err != nil || n == len(b) {
		return n, err
	}
	m, err := c.writeAndWait(b[n:])
	return n + m, err
}

// writeAndWait writes to a client that has not taken all at once.
func (c *trackedConn) writeAndWait(b []byte) (int, error) {
	defer c.beginWait()()
	return c.Conn.Write(b)
}

// ReadFrom implements io.ReaderFrom, by which the kernel sends files.
func (c *trackedConn) ReadFrom(r io.Reader) (int64, error) {
	defer c.beginWait()()
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// waitForBuffer waits until the kernel takes n bytes at once. The write deadline ends the
// wait.
func (c *trackedConn) waitForBuffer() (n int64, err error) {
	t, ok := c.Conn.(*net.TCPConn)
	if !ok || c.sendBuffer == 0 {
		return sendBufferSize, nil
	}
	defer c.beginWait()()
	// The kernel allots twice the buffer, and says that a socket is writable when a third of
	// that is free.
	return int64(c.sendBuffer / 2), waitUntilWritable(t)
}

// writeDeadline is the write deadline of a connection. net/http sets one for each response
// and takes it back, which takes a timer each time, and hardly any write has to wait. So the
// connection below gets the deadline when a write is about to wait.
type writeDeadline struct {
	mu sync.Mutex
	at time.Time
	// waiting is true while a write waits, set while the connection below has a deadline.
	waiting, set bool
	// read is how much was read since the write waits, in bytes. writeEnded, unless nil, is closed when it has ended.
	read       int
	writeEnded chan struct{}
}

// SetWriteDeadline implements net.Conn.
func (c *trackedConn) SetWriteDeadline(t time.Time) error {
	d := &c.deadline
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
	if !d.set && !d.waiting && (t.IsZero() || time.Until(t) > 0) {
		return nil
	}
	return c.applyDeadline()
}

// SetDeadline implements net.Conn.
func (c *trackedConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// applyDeadline gives the connection below the deadline. The lock of the deadline is held.
func (c *trackedConn) applyDeadline() error {
	c.deadline.set = !c.deadline.at.IsZero()
	return c.Conn.SetWriteDeadline(c.deadline.at)
}

// beginWait has the deadline end the writes until endWait is called.
func (c *trackedConn) beginWait() (endWait func()) {
	d := &c.deadline
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = true
	if !d.at.IsZero() {
		_ = c.applyDeadline() // after an error the connection is of no use anyhow
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.endWaitLocked()
	}
}
