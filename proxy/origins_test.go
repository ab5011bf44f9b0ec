package proxy

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// An origin that does not want its picture kept any more is obeyed at once,
// whatever is there: also where it only says so, and where what is there is in a
// file.
func TestAnOriginThatTurnsPrivate(t *testing.T) {
	for _, tc := range []struct {
		name string
		fat  int // more than goes into RAM
		then func(http.ResponseWriter)
	}{
		{"and says only that", 0, unchanged}, {"and sends it again", 0, nil},
		{"and says only that, of a large one", 3 << 20, unchanged}, {"and sends it again, of a large one", 3 << 20, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w watch
			r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
			r.painter.fat = tc.fat
			r.header.Set("Etag", `"v1"`)
			r.header.Set("Cache-Control", "max-age=60, must-revalidate")
			p := r.path("w:10")
			r.wantStatus("cold", p, missed)
			w.pass(2 * time.Minute)
			r.purge(PurgeRequest{Sources: []string{"https://example.com/another.jpg"}})
			r.header.Set("Cache-Control", "private")
			if tc.then != nil {
				then := tc.then
				r.gate = func(req *http.Request) {
					if r.answers(nil); req.Header.Get("If-None-Match") != "" {
						r.answers(then)
					}
				}
			}
			for i := range 3 {
				resp, body := r.must(p)
				r.quiet()
				if resp.StatusCode != 200 || len(body) == 0 ||
					resp.Header.Get("Cache-Control") != "private, no-store" ||
					strings.Contains(resp.Header.Get("Cache-Status"), "hit;") {
					t.Errorf("%d: %d %v", i, resp.StatusCode, resp.Header)
				}
				if n := r.asked.Load(); n != int64(i)+2 {
					t.Errorf("%d: the origin was asked %d times", i, n)
				}
			}
			if n := r.painter.results.Load(); n > 4 {
				t.Errorf("%d jobs", n)
			}
		})
	}
}

func TestAnOriginThatTurnsPrivateWhereStaleWouldDo(t *testing.T) {
	var w watch
	r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
	r.wantStatus("cold", r.path("w:10"), missed)
	w.pass(61 * time.Minute)
	r.header.Set("Cache-Control", "no-store")
	r.wantStatus("while that is found out", r.path("w:10"), staleNow)
	for range 2 {
		r.wantStatus("afterwards", r.path("w:10"), "fwd=bypass; detail=hit-for-miss")
	}
}

// Many sizes at once of what is fresh for no time at all: each has what came
// after it asked, and nobody waits for others' turns.
func TestSizesAtOnceOfWhatIsNeverFresh(t *testing.T) {
	for _, control := range []string{"no-cache", "max-age=0", "public, max-age=0, must-revalidate"} {
		t.Run(control, func(t *testing.T) {
			r := newRig(t, nil)
			r.header.Set("Cache-Control", control)
			const sizes = 30
			started, release := r.hold()
			var wg sync.WaitGroup
			for i := range sizes {
				wg.Go(func() {
					if resp, body, err := r.get(context.Background(), r.path(fmt.Sprint("w:", i+1))); err != nil ||
						resp.StatusCode != 200 {
						t.Errorf("%v %.100q %v", resp, body, err)
					}
				})
			}
			<-started
			r.until("all are in", func() bool { return r.server.sources.Stats().Shared == sizes-1 })
			close(release)
			wg.Wait()
			r.wantAsked("by all of them", 1, sizes)
			r.gate = nil
			r.status(r.path("w:1"))
			r.wantAsked("and by the next one", 2, sizes+1)
		})
	}
}

// What an origin answers tells of the picture, or only of the origin (RFC 5861
// §4); and what is no picture may be one of its maintenance.
func TestWhatAnOriginAnswersInsteadOfAPicture(t *testing.T) {
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	text := func(s string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprint(w, s) }
	}
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		status int // 200 for the picture that is there
	}{
		"404": {status(404), 404}, "410": {status(410), 404}, "451": {status(451), 404},
		"400": {status(400), 502}, "401": {status(401), 502}, "403": {status(403), 502},
		"408": {status(408), 200}, "429": {status(429), 200}, "500": {status(500), 200}, "503": {status(503), 200}, "204": {status(204), 200},
		"nothing": {text(""), 200}, "a page": {text("<!DOCTYPE html><html>back soon"), 200}, "half a picture": {text("\x89PNG\r\n\x1a\n"), 200},
	} {
		t.Run(name, func(t *testing.T) {
			// Stale during a refill, and in place of an error.
			for _, late := range []time.Duration{90 * time.Minute, 20 * time.Hour} {
				var w watch
				r := newRig(t, timed(t, &w, transform.PixelVersion))
				r.wantStatus("cold", r.path("w:10"), missed)
				w.pass(late)
				r.answers(tc.answer)
				for i := range 3 {
					resp, body := r.must(r.path("w:10"))
					r.quiet()
					want := tc.status
					if i == 0 && late < 2*time.Hour {
						want = 200 // that is not known yet
					}
					if resp.StatusCode != want {
						t.Errorf("%v, %d: %d %v %.100q", late, i, resp.StatusCode, resp.Header, body)
					}
				}
				r.answers(nil)
				w.pass(6 * time.Minute)
				if resp, _ := r.must(r.path("w:10")); resp.StatusCode != 200 {
					t.Errorf("%v, back: %d", late, resp.StatusCode)
				}
				r.quiet()
				r.wantStatus("back for good", r.path("w:10"), inMemory)
			}
		})
	}
}

// What is wrong with a success is told, as it is nothing of the network.
func TestASuccessThatIsNoImageSaysWhy(t *testing.T) {
	coded := func(coding, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", coding)
			fmt.Fprint(w, body)
		}
	}
	success := func(code int, contentRange string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(code)
			w.Write(gray(40, 30))
		}
	}
	all := len(gray(40, 30))
	var zipped strings.Builder
	z := gzip.NewWriter(&zipped)
	z.Write(gray(40, 30))
	z.Close()
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		status int
		text   string
	}{
		"br":              {coded("br", "\x1b\x1e\x00"), 415, "unsupported-type: The source has the content coding br, "},
		"three codings":   {coded("gzip,gzip,gzip", ""), 415, "unsupported-type: The source has more than 2 content "},
		"no gzip":         {coded("gzip", "some text of theirs"), 502, "source-unreachable: The source says Content-Encoding: gzip, but "},
		"a gzipped image": {coded("gzip", zipped.String()), 200, ""},
		"a plain image":   {coded("br", string(gray(40, 30))), 200, ""},
		"203":             {success(203, ""), 200, ""},
		"all of it":       {success(206, fmt.Sprintf("bytes 0-%d/%d", all-1, all)), 200, ""},
		"a part":          {success(206, fmt.Sprintf("bytes 0-%d/999", all-1)), 502, "source-unreachable: The origin sent a part "},
		"202":             {success(202, ""), 502, "source-unreachable: The origin sent 202 Accepted instead of "},
		"an image":        {coded("aws-chunked", string(gray(40, 30))), 200, ""},
	} {
		r := newRig(t, nil)
		r.answers(tc.answer)
		resp, body := r.must(r.path("w:10"))
		told := tc.text == "" || strings.HasPrefix(body, tc.text)
		if resp.StatusCode != tc.status || !told || strings.Contains(body, "theirs") {
			t.Errorf("%s: %d %.200q", name, resp.StatusCode, body)
		}
	}
}

// What an origin holds against one of a source's URLs is not held against those
// whose own is good, neither at the same time nor after it.
func TestAnExpiredSignatureIsNobodyElses(t *testing.T) {
	var w watch
	r := newRig(t, func(c *Config) {
		timed(t, &w, transform.PixelVersion)(c)
		c.SourceKeyIgnore = []string{"X-Amz-*"}
	})
	var denied atomic.Int64
	inner := r.site.Config.Handler
	r.site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("X-Amz-Signature") == "good" {
			inner.ServeHTTP(w, req)
			return
		}
		denied.Add(1)
		if r.gate != nil {
			r.gate(req)
		}
		w.WriteHeader(http.StatusForbidden)
	})
	p := func(options, signature string) string {
		return r.pathOf(options, "/a.png%3FX-Amz-Signature="+signature)
	}
	for range 3 { // an old page that is asked for again and again
		if resp, _ := r.must(p("w:10", "old")); resp.StatusCode != 502 {
			t.Errorf("an old one: %d", resp.StatusCode)
		}
	}
	if n := denied.Load(); n != 1 {
		t.Errorf("the origin was asked %d times by the old one", n)
	}
	started, release := r.hold()
	results := make(chan string, 4)
	ask := func(path string) {
		resp, _, err := r.get(context.Background(), path)
		if err != nil {
			results <- err.Error()
			return
		}
		results <- fmt.Sprint(resp.StatusCode)
	}
	go ask(p("w:10", "older"))
	<-started
	r.gate = nil
	go ask(p("w:10", "good"))
	go ask(p("w:20", "good"))
	r.until("all are in", func() bool {
		return r.cfg.Cache.Stats().Collapsed == 1 && r.server.sources.Stats().Shared == 1
	})
	close(release)
	got := map[string]int{}
	for range 3 {
		got[<-results]++
	}
	if got["200"] != 2 || got["502"] != 1 {
		t.Errorf("%v", got)
	}
	r.quiet()
	// Its refresh is refused: what is there stays.
	w.pass(90 * time.Minute)
	r.wantStatus("refreshed by an old one", p("w:10", "older"), staleNow)
	w.pass(5 * time.Second)
	r.wantStatus("refreshed by a good one", p("w:10", "good"), staleNow)
	r.wantStatus("fresh again", p("w:10", "old"), inMemory)
}

// A redirect that leads elsewhere now leads to another picture, be it an older
// one; and it says for how long it leads where.
func TestARedirectThatMoves(t *testing.T) {
	var w watch
	r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
	old, control := "", "max-age=60"
	r.site.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		switch {
		case req.URL.Path == "/a.png":
			w.Header().Set("Cache-Control", control)
			http.Redirect(w, req, "/v"+old+".png", http.StatusFound)
		case req.Header.Get("If-None-Match") == `"1"`: // each file has a tag like that
			w.Header().Set("Etag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Etag", `"1"`)
			w.Header().Set("Cache-Control", "max-age=31536000, immutable")
			w.Write(gray(40+len(old), 30))
		}
	})
	p := r.path("rt:force/w:0")
	r.wantStatus("cold", p, missed)
	first, body := r.must(p)
	if got := first.Header.Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("Cache-Control: %s", got)
	}
	w.pass(2 * time.Minute)
	r.status(p)
	r.wantAsked("where it leads, and whether that is the same", 4, 1)
	old = "0"
	w.pass(2 * time.Minute)
	r.status(p)
	if _, got := r.must(p); got == body {
		t.Error("what it led to before")
	}
	control = "private"
	w.pass(2 * time.Minute)
	r.status(p)
	if resp, _ := r.must(p); resp.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%v", resp.Header)
	}
	control = ""
	w.pass(2 * time.Minute)
	// The server's own default, and not the year of the origin.
	if resp, _ := r.must(p); resp.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("%v", resp.Header)
	}
}
