package memory

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// wayOfHits is how the clients of hits are connected.
type wayOfHits struct{ tls, http2 bool }

// waysOfHits are all of them.
var waysOfHits = map[string]wayOfHits{
	"HTTP/1": {}, "HTTP/1 with TLS": {tls: true}, "HTTP/2": {http2: true}, "HTTP/2 with TLS": {tls: true, http2: true},
}

// hitServer answers each request with a hit of a body, and passes on what Send returns.
type hitServer struct {
	*httptest.Server
	client    *http.Client
	responses *Responses
	budgets   ResponseBudgets
	sent      chan int64
	errs      chan error
}

func newHitServer(t *testing.T, e *cache.Entry, status int, way wayOfHits) *hitServer {
	s := &hitServer{sent: make(chan int64, 1), errs: make(chan error, 1)}
	s.responses, s.budgets = bubble(t)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, ok := s.responses.HitSender(w, r)
		if !ok {
			t.Error("the connection is not tracked")
			return
		}
		n, err := to.Send(Hit{Entry: e, Status: status, Length: []string{r.URL.Query().Get("length")},
			Fields: "A: b\r\nC: d\r\n", RequestID: "id"})
		s.sent <- n
		s.errs <- err
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	conns := NewConnections(10, func() string { return "" })
	var protocols http.Protocols
	protocols.SetHTTP1(!way.http2)
	protocols.SetHTTP2(way.http2)
	protocols.SetUnencryptedHTTP2(way.http2)
	s.Config.Protocols, s.Config.HTTP2 = &protocols, HTTP2Config()
	if way.tls {
		s.Config.TLSConfig = serverConfig(t)
	}
	s.Listener = conns.LimitListener(s.Config, s.Listener)
	s.Start()
	if way.tls {
		s.URL = strings.Replace(s.URL, "http:", "https:", 1)
	}
	tr := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
	s.client = &http.Client{Transport: tr}
	t.Cleanup(s.Close)
	t.Cleanup(tr.CloseIdleConnections)
	return s
}

// get asks for a hit of so many bytes, and does not read it.
func (s *hitServer) get(t *testing.T, length int) *http.Response {
	t.Helper()
	resp, err := s.client.Get(s.URL + "/?length=" + strconv.Itoa(length))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// Hits of all sizes come whole, on one connection, with the lines of their header, and leave
// nothing counted.
func TestHitsComeWhole(t *testing.T) {
	for name, way := range waysOfHits {
		for _, size := range []int{1, 2047, 2048, 2049, 4095, 4096, 4097, 30 << 10, 64 << 10, 5 << 20} {
			body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			s := newHitServer(t, &cache.Entry{Key: "k", Body: body}, http.StatusOK, way)
			for range 3 {
				resp := s.get(t, size)
				got, err := io.ReadAll(resp.Body)
				h := resp.Header
				if err != nil || !bytes.Equal(got, body) || resp.ContentLength != int64(size) ||
					h.Get("A")+h.Get("C")+h.Get("X-Request-Id") != "bdid" || h.Get("Date") == "" {
					t.Errorf("%s: of %d bytes %d, %v, %v", name, size, len(got), err, resp.Header)
				}
				if n, err := <-s.sent, <-s.errs; n != int64(size) || err != nil {
					t.Errorf("%s: of %d bytes %d are counted as sent, %v", name, size, n, err)
				}
				if h2 := resp.ProtoMajor == 2; h2 != way.http2 || (resp.TLS != nil) != way.tls {
					t.Errorf("%s: %s", name, resp.Proto)
				}
			}
			nothingLeft(t, s.responses, s.budgets)
		}
	}
}

// A client that does not take all at once is a reader, and counts: as the RAM cache does not
// have the bytes, in the budget of the responses.
func TestAClientThatDoesNotTakeAHitCounts(t *testing.T) {
	const size = 10 << 20
	for name, way := range waysOfHits {
		s := newHitServer(t, &cache.Entry{Key: "k", Body: make([]byte, size)}, http.StatusOK, way)
		resp := s.get(t, size)
		waitFor(t, func() bool { return s.responses.Stats().Reading == 1 })
		if n := s.budgets.Large.Stats().InUse + s.budgets.Transforms.Stats().InUse; n != size {
			t.Errorf("%s: %d bytes are counted", name, n)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if n, err := <-s.sent, <-s.errs; n != size || err != nil {
			t.Errorf("%s: %d bytes are counted as sent, %v", name, n, err)
		}
		nothingLeft(t, s.responses, s.budgets)
	}
}

// A client that takes nothing for the time of a piece is cut off, and one that others need
// the place of.
func TestAClientThatDoesNotTakeAHitIsCutOff(t *testing.T) {
	const size = 10 << 20
	for over, way := range waysOfHits {
		for name, cut := range map[string]func(*hitServer){
			"slow":       nil,
			"connection": func(s *hitServer) { waitFor(t, s.responses.CutSlowest) },
		} {
			t.Run(over+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newHitServer(t, &cache.Entry{Key: "k", Body: make([]byte, size)}, http.StatusOK, way)
				if cut == nil {
					s.responses.PieceTime = 50 * time.Millisecond
				}
				s.get(t, size)
				if cut != nil {
					cut(s)
				}
				if n, err := <-s.sent, <-s.errs; n >= size || err == nil {
					t.Errorf("%d bytes, %v", n, err)
				}
				if n := s.responses.Cuts()[name]; n != 1 {
					t.Error(s.responses.Cuts())
				}
				nothingLeft(t, s.responses, s.budgets)
			})
		}
	}
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
