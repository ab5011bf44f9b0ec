package memory

// maxReadWhileBlocked is how much is read of a client, in bytes, while it takes nothing of what it is sent. net/http
// keeps up to 10,000 responses to pings and settings for a client of HTTP/2 that does not read them.
const maxReadWhileBlocked = 16 << 10

// Read implements net.Conn.
func (c *trackedConn) Read(b []byte) (int, error) {
	if writeEnded := c.deadline.overRead(); writeEnded != nil {
		<-writeEnded // with its deadline, or with the connection
	}
	n, err := c.Conn.Read(b)
	c.deadline.countRead(n)
	if c.conns.streams.readsFrames && n > 0 {
		if err := c.meter.received(b[:n]); err != nil {
			tellNoRoom(c, err)
			c.Close() // net/http may go on to read after an error
			return 0, err
		}
	}
	return n, err
}

// overRead returns what is closed when the write ends that waits, where too much was read meanwhile; else nil.
func (d *writeDeadline) overRead() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.waiting || d.read < maxReadWhileBlocked {
		return nil
	}
	if d.writeEnded == nil {
		d.writeEnded = make(chan struct{})
	}
	return d.writeEnded
}

// countRead counts n bytes that were read while a write waits.
func (d *writeDeadline) countRead(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting {
		d.read += n
	}
}

// endWaitLocked has reads go on. The lock is held.
func (d *writeDeadline) endWaitLocked() {
	d.waiting, d.read = false, 0
	if d.writeEnded != nil {
		close(d.writeEnded)
		d.writeEnded = nil
	}
}

// isBlocked reports whether a write waits for the client.
func (c *trackedConn) isBlocked() bool {
	c.deadline.mu.Lock()
	defer c.deadline.mu.Unlock()
	return c.deadline.waiting
}
