package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// fetching gives a rig an origin of another configuration.
func fetching(t testing.TB, cfg origin.Config) func(*Config) {
	return func(c *Config) {
		c.Origin.Close()
		cfg.AllowNetworks = loopback
		var err error
		if c.Origin, err = origin.New(cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// A host that fails is not asked any more, until a probe shows that it works:
// meanwhile there are stale results, and errors at once.
func TestASuspendedHost(t *testing.T) {
	var w watch
	r := newRig(t, func(c *Config) {
		timed(t, &w, transform.PixelVersion)(c)
		fetching(t, origin.Config{Timeout: slow, Now: w.now})(c)
	})
	p := r.path("w:10")
	r.wantStatus("cold", p, missed)
	w.pass(3 * time.Hour)
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(503) })
	for i := range 5 {
		if resp, _ := r.must(r.pathOf("w:10", fmt.Sprintf("/%d.png", i))); resp.StatusCode != 502 ||
			resp.Header.Get("Retry-After") != "" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	}
	before := r.asked.Load()
	for i := range 20 {
		resp, body := r.must(r.pathOf("w:10", fmt.Sprintf("/another%d.png", i)))
		after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != 502 || !strings.HasPrefix(body, "source-unreachable: ") || err != nil || after < 1 ||
			after > 8 {
			t.Fatalf("%d %v %q", resp.StatusCode, resp.Header, body)
		}
		if resp, _ := r.must(p); resp.StatusCode != 200 ||
			!strings.Contains(resp.Header.Get("Cache-Status"), "stale-if-error") {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
	}
	if n := r.asked.Load() - before; n != 0 {
		t.Errorf("the host was asked %d times", n)
	}
	r.wantMetrics(`pictor_origin_hosts{origin="other",state="open"} 1`,
		`pictor_origin_hosts{origin="other",state="half-open"} 0`,
		`pictor_origin_hosts{origin="other",state="closed"} 0`,
		`pictor_origin_breaker_transitions_total{origin="other",to="open"} 1`,
		`pictor_origin_breaker_transitions_total{origin="other",to="closed"} 0`,
		`pictor_origin_retries_total{result="recovered"} 0`)
	r.answers(nil)
	w.pass(5 * time.Second)
	r.wantStatus("the probe", r.pathOf("w:20", "/new.png"), missed)
	r.wantStatus("after it", p, expired)
	r.wantMetrics(`pictor_origin_hosts{origin="other",state="open"} 0`,
		`pictor_origin_breaker_transitions_total{origin="other",to="half-open"} 1`,
		`pictor_origin_breaker_transitions_total{origin="other",to="closed"} 1`)
}

// wantMetrics looks for lines in what Prometheus gets.
func (r *rig) wantMetrics(lines ...string) {
	r.t.Helper()
	scrape := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(scrape, httptest.NewRequest("GET", "http://127.0.0.1/metrics", nil))
	for _, line := range lines {
		if !strings.Contains(scrape.Body.String(), line+"\n") {
			r.t.Errorf("no %s", line)
		}
	}
}

// Fetches that wait for the turns of a silent host do not all have to find out by
// themselves.
func TestThoseThatWaitForASilentHostAreToldAtOnce(t *testing.T) {
	r := newRig(t, fetching(t, origin.Config{Timeout: slow, FirstByte: 300 * time.Millisecond}))
	const fetches = 3 * sources.FetchesPerHost
	var asked, late atomic.Int64
	release := make(chan struct{})
	host := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		<-release
		panic(http.ErrAbortHandler)
	}))
	defer host.Close()
	defer close(release)
	var wg sync.WaitGroup
	for i := range fetches {
		path := fmt.Sprintf("/plain/%s/%d.png", host.URL, i)
		wg.Go(func() {
			resp, body, err := r.get(context.Background(), "/"+ring.Sign(path)+path)
			if err != nil || resp.StatusCode != 504 || !strings.HasPrefix(body, "source-timeout: ") {
				t.Errorf("%v %q %v", resp, body, err)
			} else if resp.Header.Get("Retry-After") != "" {
				late.Add(1)
			}
		})
	}
	wg.Wait()
	// Four failures free four turns before the fifth one suspends the host.
	if n := asked.Load(); n > sources.FetchesPerHost+4 || late.Load() != fetches-n {
		t.Errorf("asked %d times, %d were told when to come back", n, late.Load())
	}
}
