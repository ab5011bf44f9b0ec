package proxy

import (
	"encoding/json"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
)

func thumborDialect(t testing.TB, cfg thumbor.Config) *thumbor.Dialect {
	t.Helper()
	d, err := thumbor.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestThumborsPathsShareTheCache(t *testing.T) {
	d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}})
	r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, "/thumbor/" })
	rest := "fit-in/100x80/" + r.site.URL + "/a.png"
	resp, body := r.must("/thumbor/" + d.Sign(rest) + "/" + rest)
	if resp.StatusCode != 200 {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	again, other := r.must(r.path("rs:fit:100:80"))
	if other != body || !strings.Contains(again.Header.Get("Cache-Status"), "hit") || r.painter.results.Load() != 1 {
		t.Errorf("%s, %d jobs", again.Header.Get("Cache-Status"), r.painter.results.Load())
	}
	for _, path := range []string{"/thumbor/unsafe/" + rest, "/thumbor/" + d.Sign(rest) + "x/" + rest,
		"/thumbor/" + d.Sign(rest) + "/" + rest + "x"} {
		if resp, body := r.must(path); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
	// Native URLs may be at any other path.
	if resp, _ := r.must(r.path("w:10")); resp.StatusCode != 200 {
		t.Errorf("a native path: %d", resp.StatusCode)
	}
}

func TestThumborAtTheRoot(t *testing.T) {
	d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}, Unsafe: true})
	r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, "/" })
	rest := "50x40/" + r.site.URL + "/a.png"
	for path, want := range map[string]int{"/" + d.Sign(rest) + "/" + rest: 200, "/unsafe/" + rest: 200,
		r.path("w:10"): 200, "/wrong/" + rest: 403} {
		if resp, body := r.must(path); resp.StatusCode != want {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
}

func TestMeta(t *testing.T) {
	for flavor, want := range map[thumbor.Flavor]string{
		thumbor.Thumbor: `{"thumbor":{"source":{"url":"URL/a.png","width":400,"height":300},"operations":[{"type":"crop","left":`,
		thumbor.Imagor:  `{"format":"png","content_type":"image/png","width":50,"height":40,"orientation":1,"pages":1,"bands":3}`,
	} {
		d := thumborDialect(t, thumbor.Config{Unsafe: true, Flavor: flavor})
		r := newRig(t, func(c *Config) { c.Thumbor, c.ThumborPath = d, "/thumbor/" })
		resp, body := r.must("/thumbor/unsafe/meta/50x40/" + r.site.URL + "/a.png")
		if resp.Header.Get("Content-Type") != "application/json" || !json.Valid([]byte(body)) ||
			!strings.HasPrefix(body, strings.Replace(want, "URL", r.site.URL, 1)) {
			t.Errorf("%d: %s %s", flavor, resp.Header.Get("Content-Type"), body)
		}
		if r.painter.results.Load() != 0 {
			t.Error("a picture was made for what its header tells")
		}
		resp, _ = r.must("/thumbor/unsafe/filters:max_age(7)/" + r.site.URL + "/a.png")
		if got := resp.Header.Get("Cache-Control"); got != "public, max-age=7" && got != "public, max-age=6" {
			t.Errorf("max_age: %s", resp.Header.Get("Cache-Control"))
		}
	}
}

func TestDialectOfTheServer(t *testing.T) {
	d, err := signedurl.NewDialect(signedurl.DialectConfig{Presets: map[string]string{"card": "w:80"}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Dialect, c.PathPrefix = d, "/images" })
	resp, body := r.must("/images" + r.path("pr:card"))
	m, err := png.Decode(strings.NewReader(body))
	if resp.StatusCode != 200 || err != nil || m.Bounds().Dx() != 80 {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
	if resp, body := r.must("/images" + r.path("pr:nothing")); resp.StatusCode != 404 ||
		!strings.HasPrefix(body, "unknown-preset: ") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if resp, _ := r.must(r.path("pr:card")); resp.StatusCode == 200 {
		t.Error("a path without the prefix is served")
	}
	if resp, _ := r.must("/health"); resp.StatusCode != 200 {
		t.Error("health is below the prefix")
	}
}
