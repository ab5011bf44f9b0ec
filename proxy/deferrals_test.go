package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/transform"
)

// deferring is a rig that defers all that can be. idle says whether the server seems to have nothing else to do.
func deferring(t *testing.T, change func(*Config)) (r *rig, idle *atomic.Bool) {
	r = newRig(t, func(c *Config) {
		c.Defer = Deferral{Formats: 1<<transform.AVIF | 1<<transform.JXL, AutoQuality: true, Best: true,
			MaxAge: 30 * time.Second}
		if change != nil {
			change(c)
		}
	})
	r.painter.formats = true
	idle = &atomic.Bool{}
	spare := r.server.warmer.canSpare
	r.server.warmer.canSpare = func() bool { return idle.Load() && spare() }
	return r, idle
}

// onClock has server and cache go by a clock, and keep what is stale.
func onClock(t *testing.T, now *atomic.Int64) func(*Config) {
	now.Store(time.Now().UnixNano())
	clock := func() time.Time { return time.Unix(0, now.Load()) }
	return func(c *Config) {
		c.Now = clock
		c.Cache.Close()
		var err error
		c.Cache, err = cache.New(cache.Config{MaxBytes: 16 << 20, Clock: c.Clock, Pixels: transform.PixelVersion,
			Classify: ClassifyError, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		c.TTL.StaleError = 24 * time.Hour
	}
}

// ended is how many deferrals have ended so.
func (r *rig) ended(result string) int {
	return int(testutil.ToFloat64(r.server.deferrals.results.WithLabelValues(result)))
}

func (r *rig) untilEnded(result string, n int) {
	r.t.Helper()
	r.until(fmt.Sprint(n, " deferrals ", result), func() bool { return r.ended(result) >= n })
}

// wantAnswer checks the type of a response, a part of its Cache-Status, and its Cache-Control.
func wantAnswer(t *testing.T, resp *http.Response, mediaType, status, control string) {
	t.Helper()
	h := resp.Header
	if resp.StatusCode != 200 || h.Get("Content-Type") != mediaType || h.Get("Cache-Control") != control ||
		!strings.Contains(h.Get("Cache-Status"), status) {
		t.Errorf("%d %s, %s, %s; want %s, %s, %s", resp.StatusCode, h.Get("Content-Type"), h.Get("Cache-Status"),
			h.Get("Cache-Control"), mediaType, status, control)
	}
}

const hour = "public, max-age=3600"

// What takes long is made once the server is idle, however many have asked for it. Until then there is something
// else, for a short time, and with the key that it has by itself. The source is as small as a drawing is, so that the
// smallest result is looked for among lossless ones, too.
func TestDeferredResults(t *testing.T) {
	for _, tc := range []struct {
		name, options, accept, what string
		// first and later are the types of the response before and after. byOptions and byAccept are a request of
		// another client that has the first one for as long as it is fresh.
		first, later        string
		byOptions, byAccept string
		jobs                int64
		// part is in the options of the job that makes the later one.
		part   string
		varies bool
	}{
		{"AVIF", "w:100/f:auto", chrome, "avif", "image/webp", "image/avif", "w:100/f:auto", "image/webp", 2, "", true},
		{"AVIF where WebP is not accepted", "w:100/f:auto", "image/avif", "avif", "image/png", "image/avif",
			"w:100/f:auto", "*/*", 2, "", true},
		{"a search", "w:100/f:jpg/aq:ssimulacra2:70", "*/*", "autoquality", "image/jpeg", "image/jpeg", "w:100/f:jpg",
			"*/*", 2, "aq:ssimulacra2:70", false},
		{"a search in AVIF", "w:100/f:auto/aq:dssim:0.01", chrome, "avif autoquality", "image/webp", "image/avif",
			"w:100/f:webp", "*/*", 2, "aq:dssim:0.01", true},
		{"the smallest of what is accepted", "w:100/f:best", chrome, "best", "image/webp", "image/jpeg",
			"w:100/f:webp", "*/*", 6, "aq:ssimulacra2:78", true},
		{"the smallest of some", "w:100/f:best:jxl:avif", "*/*", "best", "image/jxl", "image/jxl", "", "",
			4, "jxlo::1", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, idle := deferring(t, nil)
			path := r.path(tc.options)
			var etag string
			for range 3 {
				resp, body := r.must(path, "Accept", tc.accept)
				wantAnswer(t, resp, tc.first, `deferred: `+tc.what+`"`, "public, max-age=30")
				varies := resp.Header.Get("Vary") == "Accept"
				if varies != tc.varies || strings.Contains(body, "aq:") {
					t.Errorf("Vary: %v, %s", varies, body)
				}
				etag = resp.Header.Get("Etag")
				if again, _ := r.must(path, "Accept", tc.accept, "If-None-Match", etag); again.StatusCode != 304 ||
					again.Header.Get("Cache-Control") != "public, max-age=30" {
					t.Errorf("again: %d %s", again.StatusCode, again.Header.Get("Cache-Control"))
				}
			}
			if tc.byOptions != "" {
				resp, _ := r.must(r.path(tc.byOptions), "Accept", tc.byAccept)
				wantAnswer(t, resp, tc.first, "hit", hour)
			}
			if n := r.painter.results.Load(); n != 1 {
				t.Errorf("%d results before the server is idle, want 1", n)
			}
			idle.Store(true)
			r.untilEnded(deferralMade, 1)
			resp, body := r.must(path, "Accept", tc.accept)
			wantAnswer(t, resp, tc.later, "hit", hour)
			if resp.Header.Get("Etag") == etag || !strings.Contains(body, tc.part) {
				t.Errorf("the same as before: %s", body)
			}
			resp, _ = r.must(path, "Accept", tc.accept) // by the short way of hits
			wantAnswer(t, resp, tc.later, "hit", hour)
			if n := r.painter.results.Load(); n != tc.jobs || r.asked.Load() < 1 {
				t.Errorf("%d results in all, want %d", n, tc.jobs)
			}
		})
	}
}

// What a URL names is made at once.
func TestWhatIsNotDeferred(t *testing.T) {
	r, _ := deferring(t, nil)
	for options, want := range map[string]string{"f:avif": "image/avif", "f:jxl": "image/jxl", "f:webp": "image/webp",
		"f:jpg": "image/jpeg"} {
		resp, _ := r.must(r.path(options), "Accept", chrome)
		wantAnswer(t, resp, want, "fwd=uri-miss; stored", hour)
	}
	r.header.Set("Cache-Control", "no-store")
	resp, _ := r.must(r.pathOf("f:auto", "/private.png"), "Accept", chrome)
	wantAnswer(t, resp, "image/webp", "fwd=uri-miss", "private, no-store")
	if n := r.server.deferrals.pendingCount(); n != 0 {
		t.Errorf("%d are deferred", n)
	}
}

// After a failure there is no other try for a while, and what is served has the lifetime that it has by itself.
func TestDeferralsThatFail(t *testing.T) {
	var now atomic.Int64
	r, idle := deferring(t, onClock(t, &now))
	var broken atomic.Bool
	broken.Store(true)
	r.painter.fail = func(context.Context) error {
		if broken.Load() && r.painter.last.Load().Outputs[0].Format == transform.AVIF {
			return transform.ErrMemory
		}
		return nil
	}
	idle.Store(true)
	path := r.path("w:100/f:auto")
	r.must(path, "Accept", chrome)
	r.untilEnded(deferralFailed, 1)
	jobs := r.painter.results.Load()
	for range 3 {
		resp, _ := r.must(path, "Accept", chrome)
		wantAnswer(t, resp, "image/webp", "not made: avif", hour)
	}
	broken.Store(false)
	if n := r.painter.results.Load(); n != jobs || r.ended(deferralFailed) != 1 {
		t.Errorf("%d results, want %d", n, jobs)
	}
	now.Add(int64(deferralRetry))
	resp, _ := r.must(path, "Accept", chrome)
	wantAnswer(t, resp, "image/webp", "deferred: avif", "public, max-age=30")
	r.untilEnded(deferralMade, 1)
	resp, _ = r.must(path, "Accept", chrome)
	wantAnswer(t, resp, "image/avif", "hit", hour)
}

// A purge ends those that wait, whatever it names them by; a request after it begins another one.
func TestPurgesEndDeferrals(t *testing.T) {
	r, idle := deferring(t, nil)
	r.header.Set("Cache-Tag", "sale")
	path := r.path("w:100/f:auto/ct:mine")
	for i, target := range []purge.Target{
		{Kind: purge.Tag, Value: "sale"}, {Kind: purge.Tag, Value: "mine"}, {Kind: purge.All},
		{Kind: purge.Source, Value: r.site.URL + "/a.png"},
	} {
		idle.Store(false)
		r.must(path, "Accept", chrome)
		if _, err := r.cfg.Clock.Purge(purge.Hard, []purge.Target{target}); err != nil {
			t.Fatal(err)
		}
		idle.Store(true)
		r.untilEnded(deferralPurged, i+1)
	}
	if n := r.ended(deferralMade); n != 0 {
		t.Errorf("%d were made", n)
	}
	idle.Store(false)
	r.must(path, "Accept", chrome)
	if _, err := r.cfg.Clock.Purge(purge.Hard, []purge.Target{{Kind: purge.All}}); err != nil {
		t.Fatal(err)
	}
	r.must(path, "Accept", chrome)
	idle.Store(true)
	r.untilEnded(deferralMade, 1)
}

// What wait take a bounded place. The server ends without them.
func TestDeferralsAreBounded(t *testing.T) {
	r, _ := deferring(t, nil)
	a := cacheRequest{key: "k", quick: &quickAnswer{what: "avif"}}
	for i := range mostDeferred + 10 {
		a.key = cache.Key(fmt.Sprint(i))
		if note := r.server.deferrals.add(a, &cache.Entry{}); note.maxAge != 30 || note.failed {
			t.Fatal(note)
		}
	}
	if n, full := r.server.deferrals.pendingCount(), r.ended(deferralFull); n != mostDeferred || full != 10 {
		t.Errorf("%d wait, %d did not find room", n, full)
	}
	r.server.Drain()
	r.untilEnded(deferralShutdown, mostDeferred)
	d := r.server.deferrals
	if note := d.add(a, &cache.Entry{}); note.what != "avif" || d.pendingCount() != 0 {
		t.Errorf("after the end: %+v", note)
	}
	a.key = cache.Key(strings.Repeat("k", mostDeferredBytes+1))
	long := newDeferral(a, &cache.Entry{}, time.Now())
	if long.bytes <= mostDeferredBytes {
		t.Errorf("a long key counts for %d bytes", long.bytes)
	}
}

// One that had to wait or to yield for too long is dropped, and may be tried again.
func TestDeferralsAreDroppedUnderLoad(t *testing.T) {
	r, idle := deferring(t, nil)
	d := r.server.deferrals
	past := newDeferral(cacheRequest{key: "k"}, &cache.Entry{}, time.Now())
	if got := d.make(past); got != deferralWaited {
		t.Error(got)
	}
	idle.Store(true)
	for err, want := range map[error]string{errWaitedForIdle: deferralWaited, errWarmingStops: deferralShutdown,
		cache.ErrClosed: deferralShutdown, errors.New("any"): deferralFailed, errNotKept: deferralFailed} {
		if got := d.judge(past, err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// Once its time is over, a result of which the source is the same is found to be right. Where it is another one, what
// is quick is served, and the rest is made behind it.
func TestDeferredResultsOfOtherSources(t *testing.T) {
	var now atomic.Int64
	r, idle := deferring(t, onClock(t, &now))
	r.header.Set("Etag", `"1"`)
	idle.Store(true)
	path := r.path("w:100/f:auto")
	r.must(path, "Accept", chrome)
	r.untilEnded(deferralMade, 1)
	jobs := r.painter.results.Load()
	now.Add(int64(2 * time.Hour))
	resp, _ := r.must(path, "Accept", chrome)
	wantAnswer(t, resp, "image/avif", "fwd=stale", hour)
	if n := r.painter.results.Load(); n != jobs {
		t.Errorf("%d results of the same source, want %d", n, jobs)
	}
	now.Add(int64(2 * time.Hour))
	r.header.Set("Etag", `"2"`)
	r.picture = gray(300, 200)
	idle.Store(false)
	resp, _ = r.must(path, "Accept", chrome)
	wantAnswer(t, resp, "image/webp", "deferred: avif", "public, max-age=30")
	idle.Store(true)
	r.untilEnded(deferralMade, 2)
	resp, _ = r.must(path, "Accept", chrome)
	wantAnswer(t, resp, "image/avif", "hit", hour)
}
