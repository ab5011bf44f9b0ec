package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// What takes long is answered with less at once, made when workers are idle, and served from then on.
// explain tells of it.
func TestDeferredImages(t *testing.T) {
	site := newSite(t)
	deferring := []string{"--auto-formats", "avif,webp", "--defer", "avif,autoquality,best", "--defer-ttl", "20s"}
	s := serveLocal(t, deferring...)
	source := site.put("/photo.jpg", photo(640, 480))
	const accept = "image/avif,image/webp,*/*"
	made := 0
	for _, tc := range []struct {
		options, what, first string
		// later is the type that it has in the end; "" where that depends on the photo.
		later string
	}{
		{"w:200", "avif", "image/webp", "image/avif"},
		{"w:200/f:jpg/aq:ssimulacra2:60", "autoquality", "image/jpeg", "image/jpeg"},
		{"w:160/f:best", "best", "image/webp", ""},
	} {
		path := signed(t, "/"+tc.options+"/plain/"+source)
		a := s.get(path, "Accept", accept)
		kind, control := a.header.Get("Content-Type"), a.header.Get("Cache-Control")
		status := a.header.Get("Cache-Status")
		if a.status != http.StatusOK || kind != tc.first || control != "public, max-age=20" ||
			!strings.Contains(status, "deferred: "+tc.what) {
			t.Errorf("%s: %d %s, %s, %s", tc.options, a.status, kind, status, control)
		}
		made++
		waitFor(t, "the result of "+tc.options, func() bool {
			return seriesIn(t, s.metrics())[`pictor_deferred_total{result="made"}`] == float64(made)
		})
		b := s.get(path, "Accept", accept)
		status, control = b.header.Get("Cache-Status"), b.header.Get("Cache-Control")
		if kind := b.header.Get("Content-Type"); tc.later != "" && kind != tc.later ||
			!strings.Contains(status, "; hit;") || strings.Contains(status, "deferred") ||
			control == "public, max-age=20" || b.header.Get("Etag") == a.header.Get("Etag") {
			t.Errorf("%s, later: %s, %s, %s", tc.options, kind, status, control)
		}
	}
	args := append([]string{"explain", "--insecure", "--defer", "avif,autoquality"},
		"/-/f:auto/aq:dssim:0.01/plain/https://example.com/a.jpg")
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "clients that get AVIF get WebP, JPEG or PNG until") ||
		!strings.Contains(string(out), "the usual quality is served until") {
		t.Errorf("explain: %v %s", err, out)
	}
}
