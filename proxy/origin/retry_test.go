package origin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// withoutRetries has the host of a URL used up its share for good.
func withoutRetries(f *Fetcher, site string) { f.retries.saved.Add(site, -1e9) }

// speak serves connections with what say writes to them, the number of the request counted from 1, and closes
// each one then.
func speak(t *testing.T, say func(c net.Conn, n int64)) (site string, asked *atomic.Int64) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	asked = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				say(c, asked.Add(1))
			}
			c.Close()
		}
	}()
	return "http://" + l.Addr().String(), asked
}

const spoken = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\npicture"

// A request whose connection breaks before the response is made once more, and no other one is.
func TestConnectionsThatBreak(t *testing.T) {
	reset := func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }
	for _, tc := range []struct {
		name  string
		first func(c net.Conn)
		want  error
		asked int64
		stats RetryStats
	}{
		{"closed", func(net.Conn) {}, nil, 2, RetryStats{Made: 1, Recovered: 1}},
		{"reset", reset, nil, 2, RetryStats{Made: 1, Recovered: 1}},
		{"in the header", func(c net.Conn) { io.WriteString(c, spoken[:17]) }, nil, 2, RetryStats{Made: 1, Recovered: 1}},
		{"in the body", func(c net.Conn) { io.WriteString(c, spoken[:len(spoken)-1]) }, ErrTruncated, 1, RetryStats{}},
		{"no HTTP", func(c net.Conn) { io.WriteString(c, "220 mail.example\r\n\r\n") }, ErrUnreachable, 1, RetryStats{}},
		{"a failure by status", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		}, ErrStatus, 1, RetryStats{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			site, asked := speak(t, func(c net.Conn, n int64) {
				if n == 1 {
					tc.first(c)
					return
				}
				io.WriteString(c, spoken)
			})
			f := newFetcher(t, Config{AllowNetworks: loopback})
			body, _, err := fetch(t, f, site)
			if !errors.Is(err, tc.want) || tc.want == nil && body != "picture" || asked.Load() != tc.asked ||
				f.RetryStats() != tc.stats {
				t.Errorf("%q, %v, %d requests, %+v", body, err, asked.Load(), f.RetryStats())
			}
		})
	}
}

// Nothing is tried again where that would not help: a host that is silent, a name that is none, an address
// that is refused, a certificate that nobody trusts.
func TestWhatIsNotTriedAgain(t *testing.T) {
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for source, want := range map[string]error{silent: ErrTimeout, "http://nowhere.invalid/": ErrUnreachable,
		"http://10.0.0.1/": ErrRefused, secure.URL: ErrUnreachable} {
		f := newFetcher(t, Config{AllowNetworks: loopback, FirstByte: 50 * time.Millisecond})
		if _, _, err := fetch(t, f, source); !errors.Is(err, want) || f.RetryStats() != (RetryStats{}) {
			t.Errorf("%s: %v, %+v", source, err, f.RetryStats())
		}
	}
}

// A host that fails gets a tenth more requests, and a few, and other hosts have a share of their own. A fetch
// makes one request once more, however many its redirects are.
func TestRetriesAreAShare(t *testing.T) {
	bad, asked := speak(t, func(net.Conn, int64) {})
	good, second := speak(t, func(c net.Conn, n int64) {
		if n > 1 {
			io.WriteString(c, spoken)
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	const fetches = 200
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range fetches / 8 {
				fetch(t, f, bad+"/same") // one URL alone suspends no host
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n <= fetches || n > fetches+fetches/10+firstRetries {
		t.Errorf("%d requests for %d fetches", n, fetches)
	}
	if st := f.RetryStats(); st.Refused == 0 || st.Made != uint64(asked.Load())-fetches || st.Recovered != 0 {
		t.Errorf("%+v", st)
	}
	if body, _, err := fetch(t, f, good); body != "picture" || err != nil || second.Load() != 2 {
		t.Errorf("another host: %q, %v", body, err)
	}

	var hop atomic.Int64
	chain, requests := speak(t, func(c net.Conn, n int64) {
		if n%2 == 0 {
			fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
				hop.Add(1))
		}
	})
	if _, _, err := fetch(t, f, chain); !errors.Is(err, ErrUnreachable) || requests.Load() != 3 {
		t.Errorf("a chain of redirects: %v, %d requests", err, requests.Load())
	}
}

// A suspended host is asked once by a probe.
func TestProbesAreMadeOnce(t *testing.T) {
	var clock hand
	site, asked := speak(t, func(net.Conn, int64) {})
	f := newFetcher(t, Config{AllowNetworks: loopback, Now: clock.now})
	for i := range breakerFailures {
		fetch(t, f, fmt.Sprint(site, "/", i))
	}
	clock.pass(firstSuspension)
	before := asked.Load()
	fetch(t, f, site+"/probe")
	if n := asked.Load() - before; n != 1 || !strings.Contains(fmt.Sprint(f.Suspended(site)), "unreachable") {
		t.Errorf("%d requests, %v", n, f.Suspended(site))
	}
}
