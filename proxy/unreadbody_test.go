package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// A client that announces a body, and never sends it, keeps no connection.
func TestBodiesThatNeverComeKeepNoConnection(t *testing.T) {
	r := newRig(t, nil)
	for _, request := range []string{"GET /health", "POST /health", "GET " + r.path("w:10")} {
		c := r.dial()
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", request)
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}
