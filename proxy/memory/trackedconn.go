package memory

import (
	"container/list"
	"io"
	"net"
	"sync"
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

// ReadFrom implements io.ReaderFrom, by which the kernel sends files.
func (c *trackedConn) ReadFrom(r io.Reader) (int64, error) {
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
	// The kernel allots twice the buffer, and says that a socket is writable when a third of
	// that is free.
	return int64(c.sendBuffer / 2), waitUntilWritable(t)
}
