package memory

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout has the kernel end a connection whose client takes nothing of the response
// for so long, also after the server has closed it: until then it takes memory.
func setUserTimeout(c *net.TCPConn, d time.Duration) {
	raw, err := c.SyscallConn()
	if err != nil {
		return // the connection is of no use anyhow
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d/time.Millisecond))
	})
}

// waitUntilWritable waits until a socket has room, or until its write deadline.
func waitUntilWritable(c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(p, 0)
		return n > 0 || err != nil // the next write returns the error
	})
}

// socketWriter writes to a socket without waiting. Its zero value writes nothing.
type socketWriter struct {
	raw syscall.RawConn
	// parts are what is to be written; tryWrite is write, made once.
	parts    [2][]byte
	tryWrite func(fd uintptr) (done bool)
	n        int
	err      error
}

// bind sets the socket.
func (w *socketWriter) bind(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return // the connection is of no use anyhow
	}
	w.raw, w.tryWrite = raw, w.write
}

// writeNow writes two texts, one behind the other, as far as the kernel takes them at once.
func (w *socketWriter) writeNow(first, second []byte) (n int, err error) {
	if w.raw == nil {
		return 0, nil
	}
	w.parts, w.n = [2][]byte{first, second}, 0
	err = w.raw.Write(w.tryWrite)
	w.parts = [2][]byte{}
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// write is one attempt. There is no second one, so it always is done.
func (w *socketWriter) write(fd uintptr) (done bool) {
	for {
		if len(w.parts[0]) == 0 {
			w.n, w.err = unix.Write(int(fd), w.parts[1])
		} else {
			w.n, w.err = unix.Writev(int(fd), w.parts[:])
		}
		switch {
		case errors.Is(w.err, unix.EINTR):
			continue
		case errors.Is(w.err, unix.EAGAIN):
			w.n, w.err = 0, nil
		case w.err != nil:
			w.n, w.err = 0, os.NewSyscallError("write", w.err)
		}
		return true
	}
}
