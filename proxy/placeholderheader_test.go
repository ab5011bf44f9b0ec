package proxy

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ask sends a request of a method.
func (r *rig) ask(method, path string, header ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

const hashField = "Pictor-Thumbhash"

// wantPlaceholder checks the status of a response, a part of its Cache-Status, and that it says the placeholder of the
// painter, for scripts of all pages.
func wantPlaceholder(t *testing.T, what string, resp *http.Response, status int, cached string) {
	t.Helper()
	h := resp.Header
	if resp.StatusCode != status || !strings.Contains(h.Get("Cache-Status"), cached) ||
		h.Get(hashField) != "text+of/thumbhash" || h.Get("Access-Control-Expose-Headers") != hashField {
		t.Errorf("%s: %d %v", what, resp.StatusCode, h)
	}
}

// A placeholder is in the header of each response with its image, wherever the image comes from and whatever of it is
// sent.
func TestPlaceholderInTheHeader(t *testing.T) {
	var w watch
	r := newRig(t, onDisk(t, &w, t.TempDir(), t.TempDir()))
	path := r.path("w:300/plh:thumbhash")
	first := r.ask("GET", path)
	wantPlaceholder(t, "miss", first, 200, "fwd=uri-miss")
	r.quiet()
	etag := first.Header.Get("Etag")
	for what, tc := range map[string]struct {
		method string
		status int
		header []string
	}{
		"hit":                   {"GET", 200, nil},
		"HEAD":                  {"HEAD", 200, nil},
		"part":                  {"GET", 206, []string{"Range", "bytes=3-9"}},
		"304":                   {"GET", 304, []string{"If-None-Match", etag}},
		"304 of several":        {"GET", 304, []string{"If-None-Match", `"x", ` + etag}},
		"304 to HEAD":           {"HEAD", 304, []string{"If-None-Match", etag}},
		"another entity":        {"GET", 200, []string{"If-None-Match", `"x"`}},
		"part of another image": {"GET", 200, []string{"Range", "bytes=3-9", "If-Range", `"x"`}},
	} {
		wantPlaceholder(t, what, r.ask(tc.method, path, tc.header...), tc.status, "hit; ")
	}
	r.cfg.Cache.Resize(0)
	r.cfg.Cache.Resize(16 << 20)
	wantPlaceholder(t, "from disk", r.ask("GET", path), 200, "detail=disk")
	w.pass(2 * time.Hour)
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	wantPlaceholder(t, "stale", r.ask("GET", path), 200, "stale")
	r.quiet()
	r.answers(unchanged)
	w.pass(time.Minute)
	r.ask("GET", path)
	r.quiet()
	wantPlaceholder(t, "revalidated", r.ask("GET", path), 200, "hit; ")
	if jobs := r.painter.results.Load(); jobs != 1 {
		t.Errorf("%d results were made", jobs)
	}
}

// There is none where nobody asked for it, in errors, and where nothing was decoded.
func TestNoPlaceholderInTheHeader(t *testing.T) {
	r := newRig(t, nil)
	for what, path := range map[string]string{
		"not asked for": r.path("w:300"), "none": r.path("w:300/plh:thumbhash/plh:none"), "raw": r.path("raw:1/plh:color"),
		"left as it is": r.path("skp:png/plh:color"), "text": r.path("w:300/plh:thumbhash/f:blurhash"),
		"unknown": r.path("plh:lqip"), "not there": "/x" + r.path("plh:color"),
	} {
		for range 2 {
			resp, body := r.must(path)
			for name := range resp.Header {
				if strings.HasPrefix(name, "Pictor-") || name == "Access-Control-Expose-Headers" {
					t.Errorf("%s: %d %v %.50q", what, resp.StatusCode, resp.Header, body)
				}
			}
		}
	}
	before := r.painter.results.Load()
	resp, _ := r.must(r.path("w:300/f:blurhash/plh:color"))
	if !strings.Contains(resp.Header.Get("Cache-Status"), "hit") {
		t.Error("a text has several entries")
	}
	if r.painter.results.Load() != before {
		t.Error("a text was made twice")
	}
	for kind, field := range map[string]string{"blurhash": "Pictor-Blurhash", "color": "Pictor-Color"} {
		if resp, _ := r.must(r.path("w:300/plh:" + kind)); resp.Header.Get(field) != "text+of/"+kind ||
			strings.Contains(resp.Header.Get("Cache-Status"), "hit") {
			t.Errorf("%s: %v", kind, resp.Header)
		}
	}
}

// What is served until a deferred result was made has the placeholder, too.
func TestPlaceholderOfDeferredResults(t *testing.T) {
	r, idle := deferring(t, nil)
	path := r.path("w:100/f:auto/plh:thumbhash")
	wantPlaceholder(t, "quick", r.ask("GET", path, "Accept", chrome), 200, "deferred: avif")
	idle.Store(true)
	r.untilEnded(deferralMade, 1)
	wantPlaceholder(t, "slow", r.ask("GET", path, "Accept", chrome), 200, "hit; ")
}
