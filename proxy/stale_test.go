package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestStaleWhileRevalidate(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	p := r.path("w:10")
	r.wantStatus("cold", p, missed)
	w.pass(90 * time.Minute)
	started, release := r.hold()
	for range 20 { // while one fetch is under way
		resp, _ := r.must(p)
		if got := resp.Header.Get("Cache-Status"); !strings.Contains(got, "stale-while-revalidate") ||
			resp.Header.Get("Cache-Control") != "public, max-age=10" {
			t.Errorf("%v", resp.Header)
		}
	}
	<-started
	r.gate = nil
	close(release)
	r.quiet()
	r.wantStatus("refreshed", p, inMemory)
	r.wantAsked("in the end", 2, 1)
	// Ahead of its end an entry is made anew, too, and nobody notices.
	w.pass(59*time.Minute + 59*time.Second)
	r.wantStatus("nearly over", p, inMemory)
	r.wantAsked("nearly over", 3, 1)
	w.pass(30 * time.Minute)
	r.wantStatus("renewed", p, inMemory)
}

func TestTheOriginIsDownForAMinute(t *testing.T) {
	const sizes = 6
	for name, down := range map[string]func(http.ResponseWriter){
		"503":     func(w http.ResponseWriter) { w.WriteHeader(503) },
		"hang up": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"cut": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("short"))
			panic(http.ErrAbortHandler)
		},
	} {
		for _, late := range []time.Duration{61 * time.Minute, 3 * time.Hour} {
			t.Run(fmt.Sprint(name, late), func(t *testing.T) {
				var w watch
				r := newRig(t, timed(t, &w, transform.PixelVersion))
				// A request on a kept connection that is hung up on is sent again.
				r.site.Config.SetKeepAlivesEnabled(false)
				for i := range sizes {
					r.wantStatus("cold", r.path(fmt.Sprint("w:", i+1)), missed)
				}
				cold := r.asked.Load()
				w.pass(late)
				r.answers(down)
				for range 60 {
					for i := range sizes {
						resp, body := r.must(r.path(fmt.Sprint("w:", i+1)))
						if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Status"), "stale") {
							t.Fatalf("%d %v %.100q", resp.StatusCode, resp.Header, body)
						}
					}
					r.quiet() // the clock waits for refreshes as well
					w.pass(time.Second)
				}
				// One source, asked every three seconds: whoever asks in between is told
				// the same. A few of these are made twice, as the connection broke.
				again := int64(r.cfg.Origin.RetryStats().Made)
				if n := r.asked.Load() - cold; n-again != 20 || again > 5 {
					t.Errorf("the origin was asked %d times in the minute, and again %d times", n-again, again)
				}
				r.answers(nil)
				w.pass(5 * time.Second)
				before := r.asked.Load()
				for range 2 {
					for i := range sizes {
						r.status(r.path(fmt.Sprint("w:", i+1)))
					}
				}
				for i := range sizes {
					r.wantStatus("back", r.path(fmt.Sprint("w:", i+1)), inMemory)
				}
				// Without a store each refresh fetches for itself, and changes nothing.
				if n := r.asked.Load() - before; n > sizes || r.painter.results.Load() != sizes {
					t.Errorf("%d fetches and %d jobs when it was back", n, r.painter.results.Load())
				}
			})
		}
	}
}

func TestNeverStaleWhereTheOriginForbidsIt(t *testing.T) {
	for _, cc := range []string{"max-age=60, must-revalidate", "max-age=60, proxy-revalidate", "s-maxage=60",
		"no-cache"} {
		t.Run(cc, func(t *testing.T) {
			var w watch
			r := newRig(t, timed(t, &w, transform.PixelVersion))
			r.header.Set("Cache-Control", cc)
			r.status(r.path("w:10"))
			w.pass(61 * time.Second)
			r.answers(func(w http.ResponseWriter) { w.WriteHeader(500) })
			if resp, body := r.must(r.path("w:10")); resp.StatusCode != 502 {
				t.Errorf("%d %.100q", resp.StatusCode, body)
			}
			r.answers(nil)
			w.pass(10 * time.Second)
			r.wantStatus("back", r.path("w:10"), expired)
			r.wantAsked("back", 3, 1)
		})
	}
}

func TestErrorsThatSayTheTruthEndAnEntry(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	r.status(r.path("w:10"))
	w.pass(90 * time.Minute)
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(404) })
	r.wantStatus("for the last time", r.path("w:10"), staleNow)
	for range 3 {
		if resp, _ := r.must(r.path("w:10")); resp.StatusCode != 404 || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	}
	r.wantAsked("it is gone", 2, 1)
}

func TestErrorsAreRememberedByTheirClass(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter)
		status int
		lasts  time.Duration
	}{
		{"not found", func(w http.ResponseWriter) { w.WriteHeader(404) }, 404, negTTLMissing},
		{"an error", func(w http.ResponseWriter) { w.WriteHeader(500) }, 502, negTTLTransient},
		{"no picture", func(w http.ResponseWriter) { fmt.Fprint(w, "<!DOCTYPE html><html>") }, 415, negTTLContent},
		{"cut", func(w http.ResponseWriter) { w.Write(picturetest.PNG(picturetest.Chart(40, 30))[:100]) }, 422, negTTLMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w watch
			r := newRig(t, timed(t, &w, transform.PixelVersion))
			r.answers(tc.answer)
			ask := func(what string, fetches int64, known bool) {
				t.Helper()
				for i := range 3 { // other sizes of it, too
					resp, body := r.must(r.path(fmt.Sprint("w:", i+1)))
					hit := strings.Contains(resp.Header.Get("Cache-Status"), "hit")
					if resp.StatusCode != tc.status || hit != (known || i > 0) {
						t.Errorf("%s: %d %v %.100q", what, resp.StatusCode, resp.Header, body)
					}
				}
				if n := r.asked.Load(); n != fetches {
					t.Errorf("%s: %d fetches, want %d", what, n, fetches)
				}
			}
			ask("at first", 1, false)
			w.pass(tc.lasts - time.Second)
			ask("just before its end", 1, true)
			w.pass(2 * time.Second)
			ask("after it", 2, false)
			source := r.site.URL + "/a.png"
			if _, err := r.server.Purge(t.Context(), PurgeRequest{Sources: []string{source}}); err != nil {
				t.Fatal(err)
			}
			ask("purged", 3, false)
			r.answers(nil)
			if _, err := r.server.Purge(t.Context(), PurgeRequest{Tags: []string{"nothing of it"}}); err == nil {
				t.Error("a bad tag is taken")
			}
			w.pass(tc.lasts + time.Second)
			r.wantStatus("put right", r.path("w:1"), missed)
		})
	}
}

// Pixels of another version are served, and made anew.
func TestOtherPixelsAreStaleAndNotMissing(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	p := r.path("w:10")
	r.wantStatus("cold", p, missed)
	req, err := r.server.readRequest(p)
	if err != nil {
		t.Fatal(err)
	}
	key := r.server.newCacheRequest(req).key
	e, outcome, err := r.cfg.Cache.Get(t.Context(), key, nil)
	if err != nil || outcome != cache.Hit {
		t.Fatal("not there:", outcome, err)
	}
	before := e.Renew()
	before.Pixels--
	if _, err := r.server.Purge(t.Context(), PurgeRequest{URLs: []string{p}}); err != nil {
		t.Fatal(err)
	}
	before.Seq = r.cfg.Clock.Applied()
	fill := func(context.Context, func() error, *cache.Entry) (*cache.Entry, error) { return before, nil }
	if _, _, err := r.cfg.Cache.Get(t.Context(), key, fill); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	r.wantStatus("old pixels", p, staleNow)
	r.wantStatus("new ones", p, inMemory)
	r.wantAsked("made anew", 2, 2)
}
