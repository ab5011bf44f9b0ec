package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// fallbackRig has an image of another shape for each class of error. The time is the test's.
func fallbackRig(t *testing.T, change func(*Config)) (*rig, *watch) {
	t.Helper()
	w := &watch{}
	r := newRig(t, func(cfg *Config) {
		timed(t, w, transform.PixelVersion)(cfg)
		cfg.TTL.StaleError = 0
		cfg.Origin.Close()
		var err error
		if cfg.Origin, err = origin.New(origin.Config{AllowNetworks: loopback, Timeout: slow, Now: w.now,
			Images: map[string][]byte{"missing": gray(40, 30), "failed": gray(60, 30), "bad": gray(80, 30)},
		}); err != nil {
			t.Fatal(err)
		}
		cfg.Fallback = Fallback{Missing: "fallback://missing", Failed: "fallback://failed",
			Undecodable: "fallback://bad", TTL: time.Minute}
		if change != nil {
			change(cfg)
		}
	})
	return r, w
}

// Each class of error has its image, with the status and the code of the error, of the size that was asked
// for. Other errors have none.
func TestFallbackByClass(t *testing.T) {
	r, _ := fallbackRig(t, nil)
	r.apart = true
	for _, tc := range []struct {
		options string
		answer  func(http.ResponseWriter)
		status  int
		code    string
		aspect  float64 // of the image
	}{
		{"rs:fit:20:20", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, 404, "source-not-found", 4. / 3},
		{"rs:fit:21:21", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, 502, "source-unreachable", 2},
		{"rs:fit:22:22", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, 502, "source-unreachable", 2},
		{"rs:fit:23:23", func(w http.ResponseWriter) { w.Write([]byte("<html>no image</html>")) }, 415, "unsupported-type", 8. / 3},
		{"rs:fit:24:24", func(w http.ResponseWriter) { w.Write(gray(9, 9)[:50]) }, 422, "truncated", 8. / 3},
	} {
		r.answers(tc.answer)
		for range 2 {
			resp, body := r.must(r.path(tc.options), "If-None-Match", "*", "Range", "bytes=0-3")
			h := resp.Header
			if resp.StatusCode != tc.status || h.Get("Pictor-Fallback") != tc.code ||
				h.Get("Content-Type") != "image/png" || h.Get("Etag") != "" ||
				h.Get("Cache-Control") != "public, max-age=60" || !strings.HasPrefix(body, "\x89PNG") {
				t.Errorf("%s: %d %v %.40q", tc.code, resp.StatusCode, h, body)
			}
			g := r.painter.last.Load()
			if got := float64(g.Info.Width) / float64(g.Info.Height); got != tc.aspect {
				t.Errorf("%s has the image of %d×%d", tc.code, g.Info.Width, g.Info.Height)
			}
		}
	}
	r.answers(nil)
	transforms := r.painter.results.Load()
	for path, status := range map[string]int{
		"/wrong" + r.path("w:20"): http.StatusForbidden, r.path("nothing:1"): http.StatusNotFound,
	} {
		if resp, _ := r.must(path); resp.StatusCode != status || resp.Header.Get("Pictor-Fallback") != "" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	if n := r.painter.results.Load() - transforms; n != 0 {
		t.Errorf("%d transforms for errors without an image", n)
	}
}

// A fallback is never taken for the image of the URL: once the origin is well the image is there.
func TestFallbackGivesWayToTheImage(t *testing.T) {
	r, clock := fallbackRig(t, nil)
	path := r.path("w:20")
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
	for range 3 {
		if resp, _ := r.must(path); resp.StatusCode != 404 || resp.Header.Get("Pictor-Fallback") == "" {
			t.Fatal(resp.StatusCode, resp.Header)
		}
	}
	if n := r.painter.results.Load(); n != 1 {
		t.Errorf("the fallback was made %d times", n)
	}
	r.answers(nil)
	clock.pass(negTTLMissing + time.Second)
	resp, _ := r.must(path)
	if resp.StatusCode != 200 || resp.Header.Get("Pictor-Fallback") != "" || resp.Header.Get("Etag") == "" {
		t.Error(resp.StatusCode, resp.Header)
	}
	if resp, _ = r.must(path); !strings.Contains(resp.Header.Get("Cache-Status"), "hit") {
		t.Error(resp.Header)
	}
}

// The status may be one of its own, a CDN keeps nothing, and an image that cannot be had leaves the error.
func TestFallbackForCDNsAndItsOwnStatus(t *testing.T) {
	missing := func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }
	for cdn, want := range map[string][2]string{
		"fastly":     {"public, max-age=60", "no-store"},
		"cloudflare": {"public, max-age=60", "no-store"},
		"cloudfront": {"max-age=60, s-maxage=0", ""},
	} {
		r, _ := fallbackRig(t, func(cfg *Config) {
			cfg.CDN, _ = ParseCDN(cdn)
			cfg.Fallback.Status = http.StatusOK
		})
		r.answers(missing)
		resp, _ := r.must(r.path("w:20"))
		h := resp.Header
		got := [2]string{h.Get("Cache-Control"), h.Get("Surrogate-Control") + h.Get("Cdn-Cache-Control")}
		if got != want || resp.StatusCode != 200 || h.Get("Cache-Tag")+h.Get("Surrogate-Key") != "" {
			t.Errorf("%s: %d %v", cdn, resp.StatusCode, h)
		}
	}
	r, _ := fallbackRig(t, func(cfg *Config) { cfg.Fallback.Missing = "fallback://nothing" })
	r.answers(missing)
	if resp, body := r.must(r.path("w:20")); resp.StatusCode != 404 || !strings.HasPrefix(body, "source-not-found") {
		t.Error(resp.StatusCode, body)
	}
}
