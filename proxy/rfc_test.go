package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// What a cache that stands before an origin does, by the section that rules it.
// A picture is asked for, time passes, and it is asked for again.
func TestCachingByItsRules(t *testing.T) {
	date := func(w *watch, d time.Duration) string { return w.now().Add(d).UTC().Format(http.TimeFormat) }
	type headers = []string
	for _, tc := range []struct {
		rule    string
		origin  func(w *watch) headers
		options string
		pass    time.Duration
		then    func(http.ResponseWriter) // what the origin says the second time
		ask     headers                   // of the second request
		status  string                    // its Cache-Status, without ttl
		control string                    // its Cache-Control
		asked   int64                     // how often the origin was, by then
	}{
		{rule: "RFC 9111 §3: what says nothing of caching is kept",
			pass: time.Minute, status: inMemory, control: "public, max-age=3540", asked: 1},
		{rule: "RFC 9111 §4.2.1: s-maxage before max-age",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=10, s-maxage=600"} },
			pass:   time.Minute, status: inMemory, control: "public, max-age=540", asked: 1},
		{rule: "RFC 9111 §4.2.1: max-age before Expires",
			origin: func(w *watch) headers { return headers{"Cache-Control", "max-age=600", "Expires", date(w, -time.Hour)} },
			pass:   time.Minute, status: inMemory, control: "public, max-age=540", asked: 1},
		{rule: "RFC 9111 §5.3: Expires",
			origin: func(w *watch) headers { return headers{"Date", date(w, 0), "Expires", date(w, 10*time.Minute)} },
			pass:   time.Minute, status: inMemory, control: "public, max-age=540", asked: 1},
		{rule: "RFC 9111 §5.3: an Expires that is no date is past",
			origin: func(*watch) headers { return headers{"Expires", "0"} },
			status: expired, control: "no-cache", asked: 2},
		{rule: "RFC 9111 §4.2.4: a lifetime of nothing allows nothing stale",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=0"} },
			status: expired, control: "no-cache", asked: 2},
		{rule: "RFC 5861 §4: but where the origin fails",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=0"} },
			then:   func(w http.ResponseWriter) { w.WriteHeader(502) }, status: staleErr, control: "public, max-age=10",
			asked: 2},
		{rule: "RFC 9111 §4.1: what varies by everything is asked about each time",
			origin: func(*watch) headers { return headers{"Vary", "*"} },
			status: expired, control: "no-cache", asked: 2},
		{rule: "RFC 9111 §4.2.3: the age that it came with",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=600", "Age", "500"} },
			pass:   50 * time.Second, status: inMemory, control: "public, max-age=50", asked: 1},
		{rule: "RFC 9111 §5.2.2.5: no-store is not kept",
			origin: func(*watch) headers { return headers{"Cache-Control", "no-store"} },
			status: "fwd=bypass; detail=hit-for-miss", control: "private, no-store", asked: 2},
		{rule: "RFC 9111 §5.2.2.7: private is not kept",
			origin: func(*watch) headers { return headers{"Cache-Control", "private, max-age=600"} },
			status: "fwd=bypass; detail=hit-for-miss", control: "private, no-store", asked: 2},
		{rule: "RFC 9111 §5.2.2.4: no-cache is asked about each time",
			origin: func(*watch) headers { return headers{"Cache-Control", "no-cache, max-age=600"} },
			status: expired, control: "no-cache", asked: 2},
		{rule: "RFC 9111 §4.2.4: not stale where it must be revalidated",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=60, must-revalidate"} },
			pass:   2 * time.Minute, status: expired, control: "public, max-age=60", asked: 2},
		{rule: "RFC 9111 §5.2.2.10: s-maxage means the same",
			origin: func(*watch) headers { return headers{"Cache-Control", "s-maxage=60"} },
			pass:   2 * time.Minute, status: expired, control: "public, max-age=60", asked: 2},
		{rule: "RFC 5861 §3: stale while it is revalidated, as long as the origin says",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=60, stale-while-revalidate=60"} },
			pass:   110 * time.Second, status: staleNow, control: "public, max-age=10", asked: 1},
		{rule: "RFC 5861 §3: and others keep it for no longer",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=60, stale-while-revalidate=60"} },
			pass:   117 * time.Second, status: staleNow, control: "public, max-age=3", asked: 1},
		{rule: "RFC 5861 §3: and no longer",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=60, stale-while-revalidate=60"} },
			pass:   121 * time.Second, status: expired, control: "public, max-age=60", asked: 2},
		{rule: "RFC 5861 §4: stale where the origin fails",
			origin: func(*watch) headers { return headers{"Cache-Control", "s-maxage=60, stale-if-error=600"} },
			pass:   5 * time.Minute, then: func(w http.ResponseWriter) { w.WriteHeader(500) }, status: staleErr,
			control: "public, max-age=10", asked: 2},
		{rule: "RFC 9111 §4.3.4: a 304 makes what is there fresh again",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=60, must-revalidate", "Etag", `"v"`} },
			pass:   5 * time.Minute, then: func(w http.ResponseWriter) {
				w.Header().Set("Cache-Control", "max-age=90")
				w.WriteHeader(304)
			}, status: expired, control: "public, max-age=90", asked: 2},
		{rule: "RFC 9111 §4.3.4: also one that says nothing new",
			origin: func(*watch) headers { return headers{"Cache-Control", "max-age=60, must-revalidate", "Etag", `"v"`} },
			pass:   5 * time.Minute,
			then:   func(w http.ResponseWriter) { w.Header().Del("Cache-Control"); w.WriteHeader(304) },
			status: expired, control: "public, max-age=60", asked: 2},
		{rule: "RFC 9111 §5.2.1: what a client wants of caches makes no work",
			pass: time.Minute, ask: headers{"Cache-Control", "no-cache, no-store, max-age=0", "Pragma", "no-cache"},
			status: inMemory, control: "public, max-age=3540", asked: 1},
		{rule: "RFC 9111 §5.4: an old origin's Pragma is taken for no-cache",
			origin: func(*watch) headers { return headers{"Pragma", "no-cache"} }, status: expired, control: "no-cache", asked: 2},
		{rule: "RFC 8246 §2: immutable for what has its version in its URL",
			options: "/cb:5", pass: 48 * time.Hour, status: inMemory, control: "public, max-age=31536000, immutable", asked: 1},
		{rule: "RFC 9111 §5.2.2.5: but not of what may not be kept",
			options: "/cb:5", origin: func(*watch) headers { return headers{"Cache-Control", "no-store"} },
			status: "fwd=bypass; detail=hit-for-miss", control: "private, no-store", asked: 2},
		{rule: "RFC 9110 §12.5.5: another Accept is another picture",
			options: "/f:auto", ask: headers{"Accept", "image/webp"}, status: missed, control: "public, max-age=3600", asked: 1},
		{rule: "RFC 9110 §12.5.1: a weight of 0 is none",
			options: "/f:auto", ask: headers{"Accept", "image/webp;q=0, */*"}, status: inMemory, control: "public, max-age=3600", asked: 1},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			var w watch
			r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
			if tc.origin != nil {
				h := tc.origin(&w)
				for i := 0; i+1 < len(h); i += 2 {
					r.header.Set(h[i], h[i+1])
				}
			}
			p := r.path("w:10" + tc.options)
			r.status(p)
			w.pass(tc.pass)
			r.answers(tc.then)
			resp, body := r.must(p, tc.ask...)
			asked := r.asked.Load()
			r.quiet()
			status := strings.TrimPrefix(withoutTTL(resp.Header.Get("Cache-Status")), "pictor; ")
			if resp.StatusCode != 200 || status != tc.status || resp.Header.Get("Cache-Control") != tc.control {
				t.Errorf("%d %v %.100q", resp.StatusCode, resp.Header, body)
			}
			// A refresh in the background may or may not have been there by now.
			if asked != tc.asked && !strings.Contains(tc.status, "while-revalidate") {
				t.Errorf("the origin was asked %d times", asked)
			}
			if vary := resp.Header.Get("Vary"); (vary == "Accept") != strings.Contains(tc.options, "auto") {
				t.Errorf("Vary: %q", vary)
			}
			if resp.Header.Get("Age") != "" {
				t.Error("an Age beside what is left of its freshness (RFC 9111 §4.2.3)")
			}
		})
	}
}

func withoutTTL(status string) string {
	var kept []string
	for part := range strings.SplitSeq(status, "; ") {
		if !strings.HasPrefix(part, "ttl=") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "; ")
}

// RFC 9110 §15.4.5: a 304 has what a 200 would have said of caching; §9.3.2: a
// HEAD is a GET without a body, also of what is not there yet; §15.5.6: what is
// allowed.
func TestAnswersWithoutABody(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	head, err := r.Client().Head(r.URL + r.path("w:10/f:auto"))
	if err != nil {
		t.Fatal(err)
	}
	head.Body.Close()
	r.quiet()
	full := r.first(r.path("w:10/f:auto"))
	not := r.must304(r.path("w:10/f:auto"), full.Header.Get("Etag"))
	for _, name := range []string{"Etag", "Cache-Control", "Vary", "Access-Control-Allow-Origin"} {
		if a, b, c := head.Header.Get(name), full.Header.Get(name), not.Get(name); a == "" || a != b || b != c {
			t.Errorf("%s: HEAD %q, GET %q, 304 %q", name, a, b, c)
		}
	}
	if head.ContentLength != full.ContentLength || not.Get("Content-Length") != "" || not.Get("Content-Type") != "" {
		t.Errorf("%d, %d, %v", head.ContentLength, full.ContentLength, not)
	}
	r.wantAsked("by all of them", 1, 1)
	resp, err := r.Client().Post(r.URL+r.path("w:10"), "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 || !strings.Contains(resp.Header.Get("Allow"), "GET") {
		t.Errorf("%v", resp)
	}
}
