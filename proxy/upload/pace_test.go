package upload

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sends has a client send a body as send does, and gives how the read of it ends, and when.
func sends(t *testing.T, limits Limits, send func(c net.Conn, b *Body)) (err error, after time.Duration) {
	t.Helper()
	client, server := net.Pipe()
	var sender sync.WaitGroup
	defer sender.Wait()
	defer client.Close()
	defer server.Close()
	start := time.Now()
	limits.Deadline = start.Add(30 * time.Second)
	r := &http.Request{Body: server, ContentLength: -1, Header: http.Header{}}
	b, err := Open(r, server.SetReadDeadline, limits)
	if err != nil {
		t.Fatal(err)
	}
	sender.Go(func() { send(client, b) })
	_, err = b.CopyTo(io.Discard, func(int64) error { return nil }, func() {})
	return err, time.Since(start)
}

func TestSlowBodiesAreGivenUp(t *testing.T) {
	drip := func(n int, every time.Duration) func(net.Conn, *Body) {
		return func(c net.Conn, _ *Body) {
			for range 1000 {
				if _, err := c.Write(make([]byte, n)); err != nil {
					return
				}
				time.Sleep(every)
			}
		}
	}
	gone := errors.New("others wait")
	for name, tc := range map[string]struct {
		send  func(net.Conn, *Body)
		want  error
		says  string
		after time.Duration
	}{
		"nothing":        {func(net.Conn, *Body) {}, ErrSlow, "8192 bytes per second", rateGrace},
		"a byte at once": {drip(1, 700*time.Millisecond), ErrSlow, "8192 bytes per second", rateGrace},
		"too slowly":     {drip(4000, 700*time.Millisecond), ErrSlow, "8192 bytes per second", rateGrace},
		"then nothing": {func(c net.Conn, _ *Body) { _, _ = c.Write(make([]byte, 10*8192)) }, ErrSlow,
			"8192 bytes per second", 10 * time.Second},
		"for too long": {drip(9000, time.Second), ErrSlow, "--request-timeout", 30 * time.Second},
		"and leaves": {func(c net.Conn, _ *Body) { _, _ = c.Write([]byte("x")); c.Close() }, nil, "",
			0},
		"and is cut off": {func(c net.Conn, b *Body) {
			_, _ = c.Write([]byte("x"))
			time.Sleep(time.Second)
			b.Abort(gone)
			b.Abort(io.EOF)
		}, gone, "others wait", time.Second},
		"and is cut off before it begins": {func(_ net.Conn, b *Body) { b.Abort(gone) }, gone, "others wait", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			err, after := sends(t, Limits{Bytes: 1 << 20, Rate: 8192}, tc.send)
			if !errors.Is(err, tc.want) || after != tc.after || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %v after %v", name, err, after)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		err, after := sends(t, Limits{Bytes: 1 << 20}, drip(1, time.Second))
		if !errors.Is(err, ErrSlow) || after != 30*time.Second {
			t.Errorf("at any rate: %v after %v", err, after)
		}
	})
}
