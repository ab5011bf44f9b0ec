package proxy

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// through signs a path for what is at a URL.
func through(url string) string {
	path := "/w:10/" + base64.RawURLEncoding.EncodeToString([]byte(url))
	return "/" + ring.Sign(path) + path
}

// wantLoop asks for a path and looks whether it is refused as a loop.
func (r *rig) wantLoop(what, path string, header ...string) {
	r.t.Helper()
	resp, body := r.must(path, header...)
	h := resp.Header
	if resp.StatusCode != http.StatusLoopDetected || !strings.HasPrefix(body, "loop-detected: ") ||
		h.Get("Cache-Control") != "no-store" {
		r.t.Errorf("%s: %d %v %.200q", what, resp.StatusCode, h, body)
	}
}

// redirects makes a rig's site redirect all to a URL.
func (r *rig) redirects(url string) {
	r.site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		http.Redirect(w, req, url, http.StatusFound)
	})
}

// A source that redirects to the very URL that it is the source of.
func TestAURLThatIsItsOwnSource(t *testing.T) {
	r := newRig(t, nil)
	image := r.site.Config.Handler
	r.redirects(r.URL + r.path("w:10"))
	for range 3 {
		r.wantLoop("itself", r.path("w:10"))
	}
	if asked, handled := r.asked.Load(), r.handled.Load(); asked != 3 || handled != 6 {
		t.Errorf("the origin was asked %d times, by %d requests", asked, handled)
	}
	var wg sync.WaitGroup
	for i := range 120 {
		wg.Go(func() {
			resp, body, err := r.get(context.Background(), r.path(fmt.Sprint("w:", 10+i%3)))
			if err != nil || resp.StatusCode != http.StatusLoopDetected {
				t.Errorf("%v %.200q %v", resp, body, err)
			}
		})
	}
	wg.Wait()
	r.site.Config.Handler = image // nothing of it is remembered
	r.wantStatus("after it", r.path("w:10"), missed)
}

// The ways through several instances that lead back to one of them, and those that
// do not.
func TestLoopsThroughInstances(t *testing.T) {
	a, b, c := newRig(t, nil), newRig(t, nil), newRig(t, nil)
	image := a.site.URL + "/a.png"
	nested := image
	for range 7 {
		nested = a.URL + through(nested)
	}
	for _, tc := range []struct {
		name, path string
		status     int
	}{
		{"its own result", through(a.URL + through(image)), 508},
		{"a chain of signed URLs", through(nested), 508},
		{"A, B, A", through(b.URL + through(a.URL+through(image))), 508},
		{"A, B, C, A", through(b.URL + through(c.URL+through(a.URL+through(image)))), 508},
		{"A, B, C, B", through(b.URL + through(c.URL+through(b.URL+through(image)))), 508},
		{"a shield", through(b.URL + through(image)), 200},
		{"two shields", through(b.URL + through(c.URL+through(image))), 200},
	} {
		before := a.asked.Load()
		resp, body := a.must(tc.path)
		if resp.StatusCode != tc.status {
			t.Errorf("%s: %d %.200q", tc.name, resp.StatusCode, body)
		}
		if n := a.asked.Load() - before; (n == 0) != (tc.status == 508) {
			t.Errorf("%s: the origin was asked %d times", tc.name, n)
		}
	}
	// A site that redirects to B, whose source redirects to A.
	a.redirects(b.URL + b.path("w:10"))
	b.redirects(a.URL + a.path("w:10"))
	a.wantLoop("a redirect by A and B", a.path("w:10"))
	b.wantLoop("the same from the other end", b.path("w:10"))
}

// Each of the two headers is enough, whatever a CDN in front keeps.
func TestAProxyThatDropsAHeader(t *testing.T) {
	for _, drop := range []string{"Via", "Cdn-Loop"} {
		r := newRig(t, nil)
		edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			req.Header.Del(drop)
			r.server.ServeHTTP(w, req)
		}))
		r.redirects(edge.URL + r.path("w:10"))
		r.wantLoop("without "+drop, r.path("w:10"))
		edge.Close()
	}
}

// Requests share fills. A loop of the request that started one is nothing to those
// that join it by another way.
func TestALoopIsOfTheRequestThatStartedTheFill(t *testing.T) {
	for name, others := range map[string]string{"the same result": "w:10", "another result of the source": "w:20"} {
		t.Run(name, func(t *testing.T) {
			a, b := newRig(t, nil), newRig(t, nil)
			far := a.URL + a.path("w:10")
			started, release := make(chan struct{}), make(chan struct{})
			var asked atomic.Int64
			b.site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if asked.Add(1) == 1 {
					close(started)
					<-release
				}
				http.Redirect(w, req, far, http.StatusFound)
			})
			// As if A had asked: what A sends is in what its origin gets.
			var way string
			image := a.site.Config.Handler
			a.site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				way = req.Header.Get("Via")
				image.ServeHTTP(w, req)
			})
			a.status(a.path("w:30"))
			results := make(chan int, 2)
			ask := func(path string, header ...string) {
				resp, _, err := b.get(context.Background(), path, header...)
				if err != nil {
					t.Error(err)
					results <- 0
					return
				}
				results <- resp.StatusCode
			}
			go ask(b.path("w:10"), "Via", way)
			<-started
			go ask(b.path(others))
			b.until("it has joined", func() bool {
				return b.cfg.Cache.Stats().Collapsed+b.server.sources.Stats().Shared == 1
			})
			close(release)
			got := map[int]int{}
			got[<-results]++
			got[<-results]++
			if got[508] != 1 || got[200] != 1 {
				t.Errorf("%v", got)
			}
		})
	}
}

// A source that has become a loop does not take away what there is, and is no
// failure of its host.
func TestALoopLeavesStaleResults(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	r.wantStatus("cold", r.path("w:10"), missed)
	image := r.site.Config.Handler
	r.redirects(r.URL + r.path("w:10"))
	w.pass(3 * time.Hour)
	for range 10 {
		if resp, _ := r.must(r.path("w:10")); resp.StatusCode != 200 ||
			!strings.Contains(resp.Header.Get("Cache-Status"), "stale-if-error") {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		r.quiet()
	}
	if s := r.cfg.Origin.BreakerStats(); s != (origin.BreakerStats{}) {
		t.Errorf("%+v", s)
	}
	r.site.Config.Handler = image
	w.pass(5 * time.Second)
	if resp, _ := r.must(r.path("w:10")); resp.StatusCode != 200 {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

// A request's own way is looked at after its signature, and before the cache.
func TestWhatIsLookedAtBeforeALoop(t *testing.T) {
	r := newRig(t, nil)
	var way string
	image := r.site.Config.Handler
	r.site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		way = req.Header.Get("Cdn-Loop")
		image.ServeHTTP(w, req)
	})
	r.wantStatus("cold", r.path("w:10"), missed)
	r.wantLoop("a result in the cache", r.path("w:10"), "Cdn-Loop", way)
	if resp, _ := r.must(strings.Replace(r.path("w:10"), "w:10", "w:11", 1), "Cdn-Loop", way); resp.StatusCode != 403 {
		t.Errorf("a wrong signature: %d", resp.StatusCode)
	}
	r.wantStatus("another CDN", r.path("w:10"), inMemory)
}
