package proxy

import (
	"bytes"
	"context"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestABorderIsLookedForBeforeTheWorkIsPlanned(t *testing.T) {
	r := newRig(t, nil)
	resp, body := r.must(r.path("t:10/f:png"))
	m, err := png.Decode(strings.NewReader(body))
	if resp.StatusCode != 200 || err != nil || m.Bounds().Dx() != 380 || m.Bounds().Dy() != 280 {
		t.Errorf("%d %v", resp.StatusCode, err)
	}
	content := transform.Rect{Left: 10, Top: 10, Width: 380, Height: 280}
	if r.painter.looks.Load() != 1 || r.painter.last.Load().Info.Content != content {
		t.Errorf("%+v", r.painter.last.Load().Info)
	}
	r.must(r.path("w:100"))
	if r.painter.looks.Load() != 1 {
		t.Error("a border was looked for that nobody wants cut off")
	}
	r.painter.fail = func(ctx context.Context) error { return transform.ErrMalformed }
	if resp, _ := r.must(r.path("t:11")); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a look that fails: %d", resp.StatusCode)
	}
}

func TestSourcesAsTheyAre(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.MaxPixels = 1000 })
	for _, tc := range []struct {
		options string
		status  int
		jobs    int64
	}{
		{"raw:1/w:10", 200, 0}, // no limit of pixels either: nothing is decoded
		{"raw:1/w:10/f:webp", 200, 0},
		{"w:10", 422, 0},
		{"skp:png/w:10", 422, 0}, // its limits hold
	} {
		resp, body := r.must(r.path(tc.options))
		if resp.StatusCode != tc.status || r.painter.results.Load() != tc.jobs {
			t.Errorf("%s: %d, %d jobs", tc.options, resp.StatusCode, r.painter.results.Load())
		}
		if tc.status == 200 && (body != string(r.picture) || resp.Header.Get("Content-Type") != "image/png") {
			t.Errorf("%s: %d bytes of %s", tc.options, len(body), resp.Header.Get("Content-Type"))
		}
	}
	r = newRig(t, nil)
	for options, jobs := range map[string]int64{"skp:png/w:10": 0, "skp:jpg:png/w:10/f:png": 0,
		"skp:png/w:10/f:webp": 1, "skp:jpg/w:10": 1} {
		before := r.painter.results.Load()
		resp, body := r.must(r.path(options))
		if n := r.painter.results.Load() - before; n != jobs || resp.StatusCode != 200 ||
			(jobs == 0) != (body == string(r.picture)) {
			t.Errorf("%s: %d, %d jobs, %d bytes", options, resp.StatusCode, n, len(body))
		}
	}
	// Nothing but a picture is ever given.
	r.picture = []byte("<html><script>alert(1)</script>")
	if resp, _ := r.must(r.path("raw:1/cb:2")); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a page as it is: %d", resp.StatusCode)
	}
	r.picture = picturetest.JPEG(picturetest.Chart(400, 300), 80)
	r.picture = r.picture[:len(r.picture)/2]
	if resp, _ := r.must(r.path("raw:1/cb:3")); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("half a picture as it is: %d", resp.StatusCode)
	}
}

func TestAResultLargerThanItsSourceGivesWay(t *testing.T) {
	r := newRig(t, nil)
	r.picture = picturetest.WithSegment(picturetest.JPEG(picturetest.Chart(400, 300), 60), 5, []byte("SecretMaker"))
	plain := picturetest.JPEG(picturetest.Chart(400, 300), 60)
	r.painter.fat = 1 << 20
	for options, want := range map[string][]byte{"": plain, "q:99": plain, "w:400/h:900": plain, "sm:0": r.picture,
		"w:399": nil, "f:webp": nil, "bl:1": nil} {
		_, body := r.must(r.path(options))
		if want == nil && len(body) < 1<<20 {
			t.Errorf("%q: the source's bytes for another picture", options)
		}
		if want != nil && !bytes.Equal([]byte(body), want) {
			t.Errorf("%q: %d bytes, the source has %d", options, len(body), len(want))
		}
	}
	r.painter.fat = 0
	if _, body := r.must(r.path("q:98")); len(body) >= len(plain) || body[1:4] != "PNG" {
		t.Errorf("a result of %d bytes gave way to %d", len(body), len(plain))
	}
}

func TestLimitsInURLsNeedPermission(t *testing.T) {
	options := map[string]int{"msr:0.1": 422, "msr:1": 200, "msfs:100": 422, "msfs:100000": 200, "maf:5": 200,
		"mafr:1": 200, "mrd:50": 200}
	r := newRig(t, nil)
	for o := range options {
		if resp, body := r.must(r.path(o)); resp.StatusCode != http.StatusForbidden ||
			!strings.HasPrefix(body, "option-not-allowed: ") {
			t.Errorf("%s: %d %q", o, resp.StatusCode, body)
		}
	}
	r = newRig(t, func(c *Config) { c.AllowSecurityOptions = true; c.Limits.MaxPixels = 1000 })
	r2 := newRig(t, func(c *Config) { c.AllowSecurityOptions = true })
	for o, want := range options {
		if resp, body := r2.must(r2.path(o)); resp.StatusCode != want {
			t.Errorf("%s: %d %.200q", o, resp.StatusCode, body)
		}
	}
	r2.chunked = true // of unknown length
	if resp, body := r2.must(r2.path("msfs:100000/cb:1")); resp.StatusCode != 200 {
		t.Errorf("chunked: %d %q", resp.StatusCode, body)
	}
	if resp, _ := r2.must(r2.path("msfs:100/cb:2")); resp.StatusCode != 422 {
		t.Errorf("chunked and larger: %d", resp.StatusCode)
	}
	// They go over the server's own, too.
	if resp, _ := r.must(r.path("msr:1")); resp.StatusCode != 200 {
		t.Errorf("a raised limit: %d", resp.StatusCode)
	}
	if last := r2.painter.last.Load(); last == nil {
		t.Error("no job")
	}
	_, body := r2.must(r2.path("mrd:50"))
	if m, err := png.Decode(strings.NewReader(body)); err != nil || m.Bounds().Dx() != 50 {
		t.Errorf("%v", err)
	}
}

func TestWatermarkMustBeThere(t *testing.T) {
	r := newRig(t, nil)
	if resp, body := r.must(r.path("wm:1")); resp.StatusCode != http.StatusNotFound ||
		!strings.Contains(body, "--watermark") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if resp, _ := r.must(r.path("wm:0")); resp.StatusCode != 200 {
		t.Errorf("none asked for: %d", resp.StatusCode)
	}
	mark := &Watermark{Info: transform.Info{Format: transform.PNG, Width: 2000, Height: 1000, Orientation: 1, Frames: 1,
		Bands: 4, Bits: 8, Alpha: true}}
	r = newRig(t, func(c *Config) { c.Watermark = mark })
	r.must(r.path("w:100"))
	plain := r.painter.last.Load()
	r.must(r.path("w:100/wm:1"))
	marked := r.painter.last.Load()
	if plain.WatermarkInfo != (transform.Info{}) || marked.WatermarkInfo != mark.Info ||
		marked.Memory < plain.Memory+8<<20 {
		t.Errorf("%d MiB without, %d with", plain.Memory>>20, marked.Memory>>20)
	}
}

func TestContentDisposition(t *testing.T) {
	r := newRig(t, nil)
	for options, want := range map[string]string{
		"w:10":                          `inline; filename="a.png"`,
		"w:10/att:1":                    `attachment; filename="a.png"`,
		"w:10/fn:summer":                `inline; filename="summer.png"`,
		"w:10/fn:c3VtbWVy:1/att:t":      `attachment; filename="summer.png"`,
		"w:10/fn:S%C3%BC%22d":           `inline; filename="S__d.png"; filename*=UTF-8''S%C3%BC%22d.png`,
		"w:10/fn:" + "YS8uLi9i" + ":1":  `inline; filename="a_.._b.png"; filename*=UTF-8''a%2F..%2Fb.png`,
		"w:10/fn:" + "YQ0KWC1FdmlsOiAx": "",
	} {
		resp, _ := r.must(r.path(options))
		if want == "" {
			continue
		}
		if got := resp.Header.Get("Content-Disposition"); got != want {
			t.Errorf("%s: %q, want %q", options, got, want)
		}
	}
	// A header cannot be broken out of.
	if resp, _ := r.must(r.path("w:10/fn:YQ0KWC1FdmlsOiAx:1")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a line break in a name: %d", resp.StatusCode)
	}
	// Names are no part of a picture: all of these were one entry.
	if n := r.painter.results.Load(); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

// What stands behind a raw question mark is not signed, and does not reach the
// origin; behind an escaped one it is the source's.
func TestQueriesAreNoPartOfTheSource(t *testing.T) {
	var asked []string
	r := newRig(t, nil)
	r.gate = func(req *http.Request) { asked = append(asked, req.URL.RawQuery) }
	plain, own := r.pathOf("w:10", "/a.png"), r.pathOf("w:10", "/a.png%3Fv=1")
	r.wantStatus("a query", plain+"?v=1", missed)
	r.wantStatus("another query", plain+"?utm_source=x", inMemory)
	r.wantStatus("none", plain, inMemory)
	r.wantStatus("the source's own", own, missed)
	r.wantStatus("one more", own+"?v=2", inMemory)
	if want := ",v=1"; strings.Join(asked, ",") != want {
		t.Errorf("the origin was asked for %q", asked)
	}
}
