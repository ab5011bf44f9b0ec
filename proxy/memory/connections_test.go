package memory

import (
	"bufio"
	"container/list"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// slow is longer than anything takes.
const slow = 5 * time.Minute

// gateRig is an HTTP server behind a gate, and who stands before it.
type connRig struct {
	t       *testing.T
	conns   *Connections
	address string
	// waiting gets a token for each request to /wait, which is answered when
	// release is closed.
	waiting, release chan struct{}
	// told gets the request id of each client that was refused.
	told chan string
}

func newConnRig(t *testing.T, most int) *connRig {
	r := &connRig{t: t, waiting: make(chan struct{}, 100), release: make(chan struct{}), told: make(chan string, 100)}
	var ids atomic.Int64
	r.conns = NewConnections(most, func() string {
		id := fmt.Sprint("id-", ids.Add(1))
		r.told <- id
		return id
	})
	r.conns.idleGrace = 0
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	s := &http.Server{ConnState: r.conns.trackState}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/wait" {
			r.waiting <- struct{}{}
			<-r.release
		}
		io.WriteString(w, "ok")
	})
	done := make(chan struct{})
	go func() { s.Serve(boundListener{l, r.conns}); close(done) }()
	t.Cleanup(func() {
		s.Close()
		<-done
		for end := time.Now().Add(slow); ; time.Sleep(time.Millisecond) {
			r.conns.mu.Lock()
			open, idle, silent := r.conns.open.places, r.conns.idle.Len(), r.conns.silent.Len()
			r.conns.mu.Unlock()
			if open == 0 && idle == 0 && silent == 0 && len(r.conns.refusalSlots) == 0 {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d are open, %d idle, %d silent in the end", open, idle, silent)
			}
		}
	})
	return r
}

func (r *connRig) dial() net.Conn {
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(slow))
	return c
}

// ask sends a request on a connection, and gives the status, 0 for none.
func ask(c net.Conn, path string) (int, http.Header) {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, nil
	}
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header
}

// idle waits until so many connections are idle.
func (r *connRig) idle(n int) { r.listed("idle", &r.conns.idle, n) }

// silent waits until so many connections are silent.
func (r *connRig) silent(n int) { r.listed("silent", &r.conns.silent, n) }

func (r *connRig) listed(what string, in *list.List, n int) {
	r.t.Helper()
	for end := time.Now().Add(slow); time.Now().Before(end); time.Sleep(time.Millisecond) {
		r.conns.mu.Lock()
		found := in.Len()
		r.conns.mu.Unlock()
		if found == n {
			return
		}
	}
	r.t.Fatalf("there are never %d %s connections", n, what)
}

// closed says whether the server has closed a connection that it does not answer.
func closed(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestANewcomerTakesThePlaceOfTheLongestIdle(t *testing.T) {
	r := newConnRig(t, 2)
	var old []net.Conn
	for i := range 2 {
		c := r.dial()
		if status, _ := ask(c, "/"); status != 200 {
			t.Fatal(status)
		}
		r.idle(i + 1)
		old = append(old, c)
	}
	if status, _ := ask(r.dial(), "/"); status != 200 {
		t.Errorf("the newcomer: %d", status)
	}
	if status, _ := ask(old[0], "/"); status != 0 {
		t.Errorf("the one idle for the longest: %d", status)
	}
	if status, _ := ask(old[1], "/"); status != 200 {
		t.Errorf("the other one: %d", status)
	}
}

func TestWhereAllAreBusyNewcomersGetA503(t *testing.T) {
	r := newConnRig(t, 2)
	answers := make(chan int)
	for range 2 {
		c := r.dial()
		go func() { status, _ := ask(c, "/wait"); answers <- status }()
		<-r.waiting
	}
	status, header := ask(r.dial(), "/")
	if id := <-r.told; header.Get("X-Request-Id") != id {
		t.Errorf("%q is logged of %v", id, header)
	}
	if status != 503 || header.Get("Retry-After") == "" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", status, header)
	}
	// One that says nothing is told, too, and not waited for.
	b, _ := io.ReadAll(r.dial())
	if !strings.HasPrefix(string(b), "HTTP/1.1 503 ") || !strings.Contains(string(b), "\r\n\r\nshed: ") {
		t.Errorf("%q", b)
	}
	r.conns.Resize(3)
	if status, _ := ask(r.dial(), "/"); status != 200 {
		t.Errorf("with more room: %d", status)
	}
	close(r.release)
	for range 2 {
		if status := <-answers; status != 200 {
			t.Errorf("one that was in: %d", status)
		}
	}
}

// A limit that is lowered closes what is idle at once, and the rest as it ends.
func TestALowerLimitClosesTheIdle(t *testing.T) {
	r := newConnRig(t, 4)
	busy, idle := r.dial(), r.dial()
	answers := make(chan int)
	go func() { status, _ := ask(busy, "/wait"); answers <- status }()
	<-r.waiting
	if status, _ := ask(idle, "/"); status != 200 {
		t.Fatal(status)
	}
	r.idle(1)
	r.conns.Resize(1)
	if status, _ := ask(idle, "/"); status != 0 {
		t.Errorf("the idle one is still answered: %d", status)
	}
	r.conns.Resize(0)
	close(r.release)
	if status := <-answers; status != 200 {
		t.Errorf("the one under way: %d", status)
	}
	if _, err := busy.Read(make([]byte, 1)); err == nil {
		t.Error("the busy one is still open")
	}
}

// Somebody who asks again and again keeps the connection while others come.
func TestAConnectionInUseIsNotTakenBetweenRequests(t *testing.T) {
	r := newConnRig(t, 1)
	r.conns.idleGrace = time.Hour
	c := r.dial()
	for range 3 {
		if status, _ := ask(c, "/"); status != 200 {
			t.Fatal(status)
		}
		r.idle(1)
		if status, _ := ask(r.dial(), "/"); status != 503 {
			t.Errorf("the newcomer: %d", status)
		}
	}
}

// A connection on which no whole request has come keeps its place for a moment
// only, whatever it has sent; the oldest one goes first, and before idle ones.
func TestANewcomerTakesThePlaceOfTheLongestSilent(t *testing.T) {
	const half = "GET / HTTP/1.1\r\nHost: "
	for name, sent := range map[string]string{"nothing": "", "a byte": "G", "half a header": half} {
		t.Run(name, func(t *testing.T) {
			r := newConnRig(t, 3)
			used := r.dial()
			if status, _ := ask(used, "/"); status != 200 {
				t.Fatal(status)
			}
			r.idle(1)
			var silent []net.Conn
			for i := range 2 {
				c := r.dial()
				io.WriteString(c, sent)
				r.silent(i + 1)
				silent = append(silent, c)
			}
			for i := range 2 {
				c := r.dial()
				if status, _ := ask(c, "/"); status != 200 || !closed(silent[i]) {
					t.Errorf("newcomer %d: %d", i, status)
				}
				r.idle(i + 2)
			}
			if status, _ := ask(used, "/"); status != 200 {
				t.Errorf("the idle one: %d", status)
			}
		})
	}
}

// A used connection whose next request does not come to its end is idle.
func TestASecondRequestThatDoesNotComeKeepsNoPlace(t *testing.T) {
	r := newConnRig(t, 1)
	c := r.dial()
	if status, _ := ask(c, "/"); status != 200 {
		t.Fatal(status)
	}
	r.idle(1)
	io.WriteString(c, "GET / HT")
	if status, _ := ask(r.dial(), "/"); status != 200 || !closed(c) {
		t.Errorf("the newcomer: %d", status)
	}
}

// A silent connection has its moment where few are silent. Where more than half of
// all are, it has none: a newcomer always finds a place.
func TestSilentConnectionsHaveAMoment(t *testing.T) {
	r := newConnRig(t, 4)
	r.conns.idleGrace = time.Hour
	answers := make(chan int)
	for range 2 {
		c := r.dial()
		go func() { status, _ := ask(c, "/wait"); answers <- status }()
		<-r.waiting
	}
	first, second := r.dial(), r.dial()
	r.silent(2)
	if status, _ := ask(r.dial(), "/"); status != 503 {
		t.Errorf("a newcomer while half are silent: %d", status)
	}
	if status, _ := ask(first, "/"); status != 200 {
		t.Errorf("a silent one that asks: %d", status)
	}
	if status, _ := ask(second, "/"); status != 200 {
		t.Errorf("the other one: %d", status)
	}
	close(r.release)
	for range 2 {
		if status := <-answers; status != 200 {
			t.Error(status)
		}
	}
}

// A flood of connections that send nothing, ten times as many as there are places:
// each client that asks is answered.
func TestAFloodOfSilentConnections(t *testing.T) {
	r := newConnRig(t, 64)
	r.conns.idleGrace = time.Hour
	for i := range 64 {
		for range 10 {
			r.dial()
		}
		c := r.dial()
		io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		if b, _ := io.ReadAll(c); !strings.HasPrefix(string(b), "HTTP/1.0 200 ") {
			t.Errorf("client %d: %q", i, b)
		}
	}
}
