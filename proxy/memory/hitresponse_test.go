package memory

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// hitServer answers each request with a hit of a body, and passes on what Send returns.
type hitServer struct {
	*httptest.Server
	responses *Responses
	budgets   ResponseBudgets
	sent      chan int64
	errs      chan error
}

func newHitServer(t *testing.T, e *cache.Entry, status int) *hitServer {
	s := &hitServer{sent: make(chan int64, 1), errs: make(chan error, 1)}
	s.responses, s.budgets = bubble(t)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, ok := s.responses.HitSender(w, r)
		if !ok {
			t.Error("the connection is not tracked")
			return
		}
		n, err := to.Send(Hit{Entry: e, Status: status, Length: []string{r.URL.Query().Get("length")},
			Fields: []byte("A: b\r\nC: d\r\n"), RequestID: "id"})
		s.sent <- n
		s.errs <- err
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	conns := NewConnections(10, func() string { return "" })
	s.Listener = conns.LimitListener(s.Config, s.Listener)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// Hits of all sizes come whole, on one connection, with the lines of their header, and leave
// nothing counted.
func TestHitsComeWhole(t *testing.T) {
	for _, size := range []int{1, 2047, 2048, 2049, 4095, 4096, 4097, 30 << 10, 64 << 10, 5 << 20} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		s := newHitServer(t, &cache.Entry{Key: "k", Body: body}, http.StatusOK)
		for range 3 {
			resp, err := s.Client().Get(s.URL + "/?length=" + strconv.Itoa(size))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			h := resp.Header
			if err != nil || !bytes.Equal(got, body) || resp.ContentLength != int64(size) ||
				h.Get("A")+h.Get("C")+h.Get("X-Request-Id") != "bdid" || h.Get("Date") == "" {
				t.Errorf("of %d bytes %d, %v, %v", size, len(got), err, resp.Header)
			}
			if n, err := <-s.sent, <-s.errs; n != int64(size) || err != nil {
				t.Errorf("of %d bytes %d are counted as sent, %v", size, n, err)
			}
		}
		nothingLeft(t, s.responses, s.budgets)
	}
}

// A client that does not take all at once is a reader, and counts: as the RAM cache does not
// have the bytes, in the budget of the responses.
func TestAClientThatDoesNotTakeAHitCounts(t *testing.T) {
	const size = 10 << 20
	s := newHitServer(t, &cache.Entry{Key: "k", Body: make([]byte, size)}, http.StatusOK)
	c := s.ask(t, size)
	waitFor(t, func() bool { return s.responses.Stats().Reading == 1 })
	if n := s.budgets.Large.Stats().InUse + s.budgets.Transforms.Stats().InUse; n != size {
		t.Errorf("%d bytes are counted", n)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := <-s.sent, <-s.errs; n != size || err != nil {
		t.Errorf("%d bytes are counted as sent, %v", n, err)
	}
	nothingLeft(t, s.responses, s.budgets)
}

// A client that takes nothing for the time of a piece is cut off, and one that others need
// the place of.
func TestAClientThatDoesNotTakeAHitIsCutOff(t *testing.T) {
	const size = 10 << 20
	for name, cut := range map[string]func(*hitServer){
		"slow":       nil,
		"connection": func(s *hitServer) { waitFor(t, s.responses.CutSlowest) },
	} {
		s := newHitServer(t, &cache.Entry{Key: "k", Body: make([]byte, size)}, http.StatusOK)
		if cut == nil {
			s.responses.PieceTime = 50 * time.Millisecond
		}
		s.ask(t, size)
		if cut != nil {
			cut(s)
		}
		if n, err := <-s.sent, <-s.errs; n >= size || err == nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if n := s.responses.Cuts()[name]; n != 1 {
			t.Errorf("%s: %v", name, s.responses.Cuts())
		}
		nothingLeft(t, s.responses, s.budgets)
	}
}

// ask sends a request on a new connection, from which nothing is read.
func (s *hitServer) ask(t *testing.T, length int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, "GET /?length="+strconv.Itoa(length)+" HTTP/1.1\r\nHost: x\r\n\r\n")
	return c
}

// A write deadline ends writes that wait, whenever it was set, and one in the past all writes.
func TestWriteDeadlinesEndWritesThatWait(t *testing.T) {
	for name, set := range map[string]func(c net.Conn){
		"before": func(c net.Conn) { c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)) },
		"past":   func(c net.Conn) { c.SetWriteDeadline(time.Unix(1, 0)) },
		"meanwhile": func(c net.Conn) {
			go func() {
				waitFor(t, func() bool {
					d := &c.(*trackedConn).deadline
					d.mu.Lock()
					defer d.mu.Unlock()
					return d.waiting
				})
				c.SetWriteDeadline(time.Now().Add(-time.Second))
			}()
		},
		"both": func(c net.Conn) { c.SetDeadline(time.Now().Add(50 * time.Millisecond)) },
	} {
		c, client := trackedPair(t)
		set(c)
		n, err := c.Write(make([]byte, 64<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || (n == 0) != (name == "past") {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		// Without a deadline the rest goes out.
		c.SetWriteDeadline(time.Time{})
		go io.Copy(io.Discard, client)
		if n, err := c.Write(make([]byte, 8<<20)); n != 8<<20 || err != nil {
			t.Errorf("%s, then none: %d, %v", name, n, err)
		}
	}
}

// trackedPair is a tracked connection, and its client.
func trackedPair(t *testing.T) (c, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	tracked := NewConnections(10, func() string { return "" }).LimitListener(&http.Server{}, l)
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if c, err = tracked.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); client.Close() })
	return c, client
}

// waitFor waits for what takes its time over a real network.
func waitFor(t *testing.T, done func() bool) {
	for end := time.Now().Add(slow); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("never")
			return
		}
	}
}
