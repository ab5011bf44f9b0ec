package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// watch is a clock that tests move.
type watch struct{ ahead atomic.Int64 }

func (w *watch) now() time.Time {
	return time.Unix(2e9, 0).Add(time.Duration(w.ahead.Load()))
}

func (w *watch) pass(d time.Duration) { w.ahead.Add(int64(d)) }

// timed gives all parts of a rig one clock, and a day in which stale results
// are of use: an hour while they are made anew.
func timed(t testing.TB, w *watch, pixels int, lower ...cache.Tier) func(*Config) {
	return func(c *Config) {
		c.Cache.Close()
		c.Origin.Close()
		c.Now = w.now
		c.TTL = sources.TTL{Default: time.Hour, Max: 24 * time.Hour, StaleWhile: time.Hour, StaleError: 24 * time.Hour}
		var err error
		if c.Origin, err = origin.New(origin.Config{AllowNetworks: loopback, Timeout: slow, Now: w.now}); err != nil {
			t.Fatal(err)
		}
		if c.Cache, err = cache.New(cache.Config{MaxBytes: 16 << 20, Lower: lower, Clock: c.Clock, Pixels: pixels,
			Classify: ClassifyError, StaleWait: slow, Now: w.now}); err != nil {
			t.Fatal(err)
		}
	}
}

// onDisk is timed, with a disk tier and stored sources below dir.
func onDisk(t testing.TB, w *watch, dir, state string) func(*Config) {
	return func(c *Config) {
		f, err := diskstore.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if c.Clock, err = purge.Open(purge.Config{Dir: state, Checkpoint: f.Path() + "/purge-log"}); err != nil {
			t.Fatal(err)
		}
		open := func(name string) *diskstore.Store {
			s, err := f.Open(name, diskstore.Config{MaxBytes: 64 << 20, StallTimeout: slow, Now: w.now})
			if err != nil {
				t.Fatal(err)
			}
			<-s.Ready()
			return s
		}
		c.Sources = open("sources")
		timed(t, w, transform.PixelVersion, cache.NewDiskTier(open("results"), c.Clock.ID()))(c)
		clock := c.Clock
		t.Cleanup(func() { // after the rig's
			clock.Close()
			f.Close()
		})
	}
}

// quiet waits until nothing is under way any more.
func (r *rig) quiet() {
	r.t.Helper()
	r.until("all is quiet", func() bool {
		return r.cfg.Cache.Stats().Flights == 0 && r.server.sources.Stats().Open == 0
	})
}

// status asks and gives what Cache-Status says, without its ttl.
func (r *rig) status(path string, header ...string) string {
	r.t.Helper()
	resp, body := r.must(path, header...)
	if resp.StatusCode != http.StatusOK {
		r.t.Errorf("%s: %d %.100q", path, resp.StatusCode, body)
	}
	r.quiet()
	return strings.TrimPrefix(withoutTTL(resp.Header.Get("Cache-Status")), "pictor; ")
}

const (
	inMemory = "hit; detail=memory"
	onFile   = "hit; detail=disk"
	missed   = "fwd=uri-miss; stored"
	expired  = "fwd=stale; stored"
	staleNow = `hit; detail="memory, stale-while-revalidate"`
	staleErr = `hit; detail="memory, stale-if-error"`
)

func (r *rig) wantStatus(what, path, want string) {
	r.t.Helper()
	if got := r.status(path); got != want {
		r.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func (r *rig) wantAsked(what string, fetches, results int64) {
	r.t.Helper()
	if f, j := r.asked.Load(), r.painter.results.Load(); f != fetches || j != results {
		r.t.Errorf("%s: %d fetches and %d results, want %d and %d", what, f, j, fetches, results)
	}
}

func TestAThousandClientsCauseOneFetch(t *testing.T) {
	r := newRig(t, nil)
	started, release := r.hold()
	ctx, kill := context.WithCancel(context.Background())
	leader := make(chan error)
	go func() {
		_, _, err := r.get(ctx, r.path("w:10"))
		leader <- err
	}()
	<-started
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			resp, body, err := r.get(context.Background(), r.path("w:10"))
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v %.100q %v", resp, body, err)
			}
		})
	}
	r.until("all are in", func() bool { return r.cfg.Cache.Stats().Collapsed == 1000 })
	kill()
	if err := <-leader; err == nil {
		t.Error("the leader was answered")
	}
	close(release)
	wg.Wait()
	r.wantAsked("in the end", 1, 1)
}

func TestAHundredSizesAtOnceFetchTheirSourceOnce(t *testing.T) {
	r := newRig(t, nil)
	started, release := r.hold()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			resp, body, err := r.get(context.Background(), r.path(fmt.Sprint("w:", i+1)))
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v %.100q %v", resp, body, err)
			}
		})
	}
	<-started
	r.until("all are in", func() bool { return r.server.sources.Stats().Shared == 99 })
	close(release)
	wg.Wait()
	r.wantAsked("in the end", 1, 100)
}

func TestTenSizesOneAfterTheOtherFetchTheirSourceOnce(t *testing.T) {
	var w watch
	dir, state := t.TempDir(), t.TempDir()
	r := newRig(t, onDisk(t, &w, dir, state))
	r.header.Set("Etag", `"v1"`)
	for i := range 10 {
		r.wantStatus("cold", r.path(fmt.Sprint("w:", i+1)), missed)
	}
	r.wantAsked("at first", 1, 10)
	// Past its lifetime the origin is asked once more, and says that it is the
	// same: nothing is made anew.
	w.pass(3 * time.Hour)
	r.gate = func(req *http.Request) {
		if req.Header.Get("If-None-Match") != `"v1"` {
			t.Error("asked without a condition")
		}
	}
	r.answers(unchanged)
	for i := range 10 {
		r.wantStatus("expired", r.path(fmt.Sprint("w:", i+1)), expired)
	}
	for i := range 10 {
		r.wantStatus("renewed", r.path(fmt.Sprint("w:", i+1)), inMemory)
	}
	r.wantAsked("revalidated", 2, 10)
}

func TestTheSameBytesAgainAreNoNewPicture(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	first, _ := r.must(r.path("w:10"))
	w.pass(3 * time.Hour)
	again, _ := r.must(r.path("w:10"))
	if first.Header.Get("ETag") != again.Header.Get("ETag") ||
		again.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("%v", again.Header)
	}
	r.wantAsked("the same", 2, 1)
	r.picture = picturetest.PNG(picturetest.Chart(40, 30))
	w.pass(3 * time.Hour)
	r.wantStatus("another", r.path("w:10"), expired)
	r.wantAsked("another", 3, 2)
}

func TestWhatMayNotBeKeptIsNotWaitedFor(t *testing.T) {
	r := newRig(t, nil)
	r.header.Set("Cache-Control", "no-store")
	r.status(r.path("w:10"))
	var inside, most atomic.Int64
	all := make(chan struct{})
	r.gate = func(*http.Request) {
		if n := inside.Add(1); n == 30 {
			most.Store(n)
			close(all)
		}
		<-all
	}
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			resp, _, err := r.get(context.Background(), r.path("w:10"))
			if err != nil || resp.Header.Get("Cache-Status") != "pictor; fwd=bypass; detail=hit-for-miss" ||
				resp.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	wg.Wait()
	r.wantAsked("each for itself", 31, 31)
}

// Those who waited for what turned out not to be theirs get their own.
func TestWhatMayNotBeKeptIsNotShared(t *testing.T) {
	r := newRig(t, nil)
	r.header.Set("Cache-Control", "private")
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.gate = func(*http.Request) { once.Do(func() { close(started); <-release }) }
	var wg sync.WaitGroup
	for i := range 10 { // half of them in another size
		wg.Go(func() {
			if resp, _, err := r.get(context.Background(), r.path(fmt.Sprint("w:", 10+i%2))); err != nil ||
				resp.StatusCode != 200 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	<-started
	r.until("all are in", func() bool {
		return r.cfg.Cache.Stats().Collapsed == 8 &&
			r.server.sources.Stats().Shared == 1
	})
	close(release)
	wg.Wait()
	r.wantAsked("each for itself", 10, 10)
}

func TestACacheBusterIsANewSource(t *testing.T) {
	var w watch
	r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
	r.wantStatus("cold", r.path("w:10/cb:1"), missed)
	r.wantStatus("another size", r.path("w:20/cb:1"), missed)
	r.wantAsked("one version", 1, 2)
	r.picture = picturetest.PNG(picturetest.Chart(40, 30))
	r.wantStatus("another version", r.path("w:10/cb:2"), missed)
	r.wantAsked("another version", 2, 3)
}

func TestParametersThatMakeNoOtherSource(t *testing.T) {
	var asked []string
	r := newRig(t, func(c *Config) { c.SourceKeyIgnore = []string{"X-Amz-*", "Expires"} })
	r.gate = func(req *http.Request) { asked = append(asked, req.URL.RawQuery) }
	for i, query := range []string{"v=1&X-Amz-Signature=a&expires=5", "X-Amz-Signature=b&v=1",
		"x-amz-date=c&v=1&Expires=9"} {
		want := inMemory
		if i == 0 {
			want = missed
		}
		r.wantStatus(query, r.pathOf("w:10", "/a.png%3F"+query), want)
	}
	r.wantStatus("another", r.pathOf("w:10", "/a.png%3Fv=2&X-Amz-Signature=a"), missed)
	if want := "v=1&X-Amz-Signature=a&expires=5 v=2&X-Amz-Signature=a"; strings.Join(asked, " ") != want {
		t.Errorf("the origin was asked for %q", asked)
	}
}
