package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hand is a clock that stands still unless it is moved.
type hand struct{ passed atomic.Int64 }

func (h *hand) now() time.Time       { return time.Unix(1e9, 0).Add(time.Duration(h.passed.Load())) }
func (h *hand) pass(d time.Duration) { h.passed.Add(int64(d)) }

func isSuspension(err error) bool {
	var s *suspension
	return errors.As(err, &s)
}

// What a host's answers, and what takes their place, mean to its breaker.
func TestWhatSuspendsAHost(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	pictor := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Status", "pictor; fwd=miss; detail=source-timeout, CDN; fwd=miss")
			w.WriteHeader(code)
		}
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	stalled := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "9")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9")
		io.WriteString(w, "short")
	}
	path := func(i int) string { return fmt.Sprintf("/%d.png", i) }
	same := func(int) string { return "/a.png" }
	two := func(i int) string { return path(i % 2) }
	mixed := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "4.png") {
			w.WriteHeader(404)
			return
		}
		w.WriteHeader(503)
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		path   func(int) string
		want   error // the last one; nil for no suspension
	}{
		{"502", status(502), path, ErrUnreachable},
		{"503", status(503), path, ErrUnreachable},
		{"504", status(504), path, ErrUnreachable},
		{"no response", silent, path, ErrTimeout},
		{"a body that stalls", stalled, path, ErrTimeout},
		{"hanging up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, path, ErrUnreachable},

		{"503 of a pictor", pictor(503), path, ErrUnreachable},
		{"502 of a pictor", pictor(502), path, nil},
		{"504 of a pictor", pictor(504), path, nil},
		{"200", status(200), path, nil},
		{"404", status(404), path, nil},
		{"403", status(403), path, nil},
		{"429", status(429), path, nil},
		{"500", status(500), path, nil},
		{"501", status(501), path, nil},
		{"204", status(204), path, nil},
		{"a redirect to nowhere", status(302), path, nil},
		{"a body cut off", cut, path, nil},
		{"one URL that always fails", status(503), same, nil},
		{"two of them", status(503), two, nil},
		{"failures with a 404 among them", mixed, path, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked atomic.Int64
			site := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); tc.answer(w, r) })
			cfg, timesOut := Config{AllowNetworks: loopback, MinRate: -1}, tc.want == ErrTimeout
			if timesOut { // the others must meet no timeout, however busy the machine is
				cfg.Timeout, cfg.FirstByte = 200*time.Millisecond, 100*time.Millisecond
			}
			f := newFetcher(t, cfg)
			f.transport.DisableKeepAlives = true // or a connection that is hung up on is tried again
			withoutRetries(f, site)
			var last error
			for i := range 9 {
				_, _, last = fetch(t, f, site+tc.path(i))
			}
			stats := f.BreakerStats()
			stats.Failing = 0
			switch {
			case tc.want == nil && (isSuspension(last) || asked.Load() != 9 || stats != BreakerStats{}):
				t.Errorf("%v after %d requests, %+v", last, asked.Load(), f.BreakerStats())
			case tc.want != nil &&
				(!isSuspension(last) || !errors.Is(last, tc.want) || asked.Load() != breakerFailures && !timesOut):
				t.Errorf("%v after %d requests", last, asked.Load())
			case tc.want != nil &&
				f.BreakerStats() != BreakerStats{Suspended: 1, Suspensions: 1, Refused: 9 - breakerFailures}:
				t.Errorf("%+v", f.BreakerStats())
			}
		})
	}
}

// Hosts that cannot be connected to, or not by TLS, and those that may not be, are
// suspended alike: which is which is not to be told by it.
func TestHostsWithoutAConnection(t *testing.T) {
	site := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, host := range map[string]string{
		"a closed port": closed.URL, "no TLS": "https" + strings.TrimPrefix(site, "http"),
		"a refused address": "http://10.0.0.1", "no such host": "http://nowhere.invalid",
	} {
		f := newFetcher(t, Config{AllowNetworks: loopback})
		var last error
		for i := range breakerFailures + 1 {
			_, _, last = fetch(t, f, fmt.Sprintf("%s/%d.png", host, i))
		}
		if !isSuspension(last) || !errors.Is(last, ErrUnreachable) && !errors.Is(last, ErrRefused) ||
			inside.MatchString(last.Error()) {
			t.Errorf("%s: %v", name, last)
		}
		if err := f.Suspended(host + "/another.png"); !isSuspension(err) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.Suspended("http://example.com/"); err != nil {
			t.Errorf("another host: %v", err)
		}
	}
}

// The life of a suspension, by the host's answers.
func TestASuspensionEndsByAProbe(t *testing.T) {
	var clock hand
	var asked atomic.Int64
	var good atomic.Bool
	site := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if !good.Load() {
			w.WriteHeader(503)
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, Now: clock.now})
	n := 0
	ask := func() error {
		n++
		_, _, err := fetch(t, f, fmt.Sprintf("%s/%d.png", site, n))
		return err
	}
	for range breakerFailures {
		if err := ask(); isSuspension(err) {
			t.Fatal(err)
		}
	}
	for _, lasts := range []time.Duration{5, 10, 20, 20, 20} {
		clock.pass(lasts*time.Second - 1)
		before := asked.Load()
		var s *suspension
		if err := ask(); !errors.As(err, &s) || s.RetryAfter() != 1 || asked.Load() != before {
			t.Fatalf("before %v: %v, %d requests", lasts, err, asked.Load()-before)
		}
		clock.pass(1)
		if got := f.BreakerStats(); got.Suspended != 0 || got.Probing != 1 {
			t.Errorf("after %v: %+v", lasts, got)
		}
		if err := ask(); isSuspension(err) || asked.Load() != before+1 {
			t.Fatalf("after %v: %v", lasts, err)
		}
		if err := ask(); !isSuspension(err) {
			t.Fatalf("after the probe of %v: %v", lasts, err)
		}
	}
	good.Store(true)
	clock.pass(time.Minute)
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	good.Store(false)
	for range breakerFailures - 1 { // none of the failures before counts
		if err := ask(); isSuspension(err) {
			t.Fatal(err)
		}
	}
	clock.pass(breakerMemory + 1) // nor do these
	for range breakerFailures - 1 {
		if err := ask(); isSuspension(err) {
			t.Fatal(err)
		}
	}
}

// One probe at a time; one that is given up leaves its place to another.
func TestAProbeThatIsGivenUp(t *testing.T) {
	var clock hand
	var silent atomic.Bool
	entered := make(chan struct{})
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if silent.Load() {
			entered <- struct{}{}
			<-r.Context().Done()
			return
		}
		w.WriteHeader(503)
	})
	f := newFetcher(t, Config{AllowNetworks: loopback, Now: clock.now, Timeout: time.Minute})
	for i := range breakerFailures {
		fetch(t, f, fmt.Sprintf("%s/%d.png", site, i))
	}
	clock.pass(firstSuspension)
	silent.Store(true)
	gone := errors.New("the client has left")
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		probe := make(chan error)
		go func() {
			_, err := f.Fetch(ctx, site+"/probe.png", io.Discard, nil)
			probe <- err
		}()
		<-entered
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := f.Suspended(site + "/a.png"); !isSuspension(err) {
					t.Errorf("beside the probe: %v", err)
				}
				if _, err := f.Fetch(t.Context(), site+"/a.png", io.Discard, nil); !isSuspension(err) {
					t.Errorf("beside the probe: %v", err)
				}
			})
		}
		wg.Wait()
		cancel(gone)
		if err := <-probe; err != gone {
			t.Errorf("%v", err)
		}
	}
}

// A host that a redirect leads to is judged by itself.
func TestARedirectToASuspendedHost(t *testing.T) {
	bad := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	good := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/to/") {
			http.Redirect(w, r, bad+r.URL.Path, http.StatusFound)
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	var last error
	for i := range breakerFailures + 1 {
		_, _, last = fetch(t, f, fmt.Sprintf("%s/to/%d.png", good, i))
	}
	if !isSuspension(last) || f.Suspended(good) != nil || f.Suspended(bad) == nil {
		t.Errorf("%v, %v, %v", last, f.Suspended(good), f.Suspended(bad))
	}
	if _, _, err := fetch(t, f, good+"/a.png"); err != nil {
		t.Error(err)
	}
}

// What is remembered of hosts is bounded, and late news do no harm.
func TestBreakersAreBounded(t *testing.T) {
	var clock hand
	b, err := newBreakers(clock.now)
	if err != nil {
		t.Fatal(err)
	}
	try := func(host string, i int, err error) {
		u, bad := url.Parse(fmt.Sprintf("http://%s/%d", host, i))
		if bad != nil {
			t.Fatal(bad)
		}
		if a, no := b.beginAttempt(u, OtherOrigins); no == nil {
			a.recordEnd(err)
		}
	}
	for host := range 3 * maxBreakers {
		for i := range 2 * breakerFailures {
			try(fmt.Sprint("h", host), i, ErrUnreachable)
		}
	}
	got := b.statsNow()[OtherOrigins]
	if got.Suspended != maxBreakers || got.Suspensions != 3*maxBreakers || b.hosts.Len() != maxBreakers {
		t.Errorf("%+v", got)
	}
	for host := range maxBreakers {
		try(fmt.Sprint("good", host), 0, nil)
	}
	if b.hosts.Len() != maxBreakers {
		t.Errorf("hosts that work are among %d", b.hosts.Len())
	}
	// A request that was made before a suspension, or before it was forgotten.
	u, _ := url.Parse("http://late.example/1")
	early, _ := b.beginAttempt(u, OtherOrigins)
	for i := range breakerFailures {
		try("late.example", i, ErrTimeout)
	}
	clock.pass(firstSuspension)
	probe, err := b.beginAttempt(u, OtherOrigins)
	if err != nil {
		t.Fatal(err)
	}
	before := b.statsNow()[OtherOrigins].Suspensions
	early.recordEnd(ErrTimeout) // known already
	_, err = b.beginAttempt(u, OtherOrigins)
	if !isSuspension(err) || b.statsNow()[OtherOrigins].Suspensions != before {
		t.Errorf("%v, %+v", err, b.statsNow()[OtherOrigins])
	}
	b.hosts.Remove("http://late.example")
	probe.recordEnd(ErrTimeout)
	if _, err := b.beginAttempt(u, OtherOrigins); err != nil {
		t.Error(err)
	}
}

// A request that fails says nothing of a host that has since then done what was
// asked of it, whatever is in its way.
func TestFailuresOfRequestsBeforeASuccess(t *testing.T) {
	for name, failures := range map[string]int{"none failed before": 0, "suspended before": breakerFailures} {
		t.Run(name, func(t *testing.T) {
			var clock hand
			entered, release := make(chan struct{}), make(chan struct{})
			site := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasPrefix(r.URL.Path, "/hangs/"):
					entered <- struct{}{}
					<-release
					panic(http.ErrAbortHandler)
				case r.URL.Path != "/good.png":
					w.WriteHeader(503)
				}
			})
			f := newFetcher(t, Config{AllowNetworks: loopback, Now: clock.now, Timeout: time.Minute})
			withoutRetries(f, site)
			var wg sync.WaitGroup
			for i := range 2 * breakerFailures {
				wg.Go(func() { f.Fetch(t.Context(), fmt.Sprintf("%s/hangs/%d.png", site, i), io.Discard, nil) })
				<-entered
			}
			for i := range failures {
				fetch(t, f, fmt.Sprintf("%s/%d.png", site, i))
			}
			clock.pass(firstSuspension)
			if _, _, err := fetch(t, f, site+"/good.png"); err != nil {
				t.Fatal(err)
			}
			close(release)
			wg.Wait()
			if _, _, err := fetch(t, f, site+"/good.png"); err != nil {
				t.Errorf("a host that works: %v", err)
			}
			for i := range breakerFailures {
				fetch(t, f, fmt.Sprintf("%s/%d.png", site, i))
			}
			if !isSuspension(f.Suspended(site)) || len(f.breakers.inFlight) != 0 {
				t.Errorf("a host that does not: %v, %d", f.Suspended(site), len(f.breakers.inFlight))
			}
		})
	}
}
