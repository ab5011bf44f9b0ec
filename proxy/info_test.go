package proxy

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"hash"
	"image"
	"image/jpeg"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// infoPath is a signed path of facts about a picture of the origin.
func (r *rig) infoPath(options, source string) string {
	r.t.Helper()
	u := (&signedurl.Builder{Keyring: ring}).Info(r.site.URL + source)
	if options != "" {
		u = u.Options(options)
	}
	path, err := u.Path()
	if err != nil {
		r.t.Fatal(options, ": ", err)
	}
	return path
}

// facts are those that a path tells.
func (r *rig) facts(path string) map[string]any {
	r.t.Helper()
	resp, body := r.must(path)
	var told map[string]any
	if err := json.Unmarshal([]byte(body), &told); err != nil || resp.StatusCode != 200 ||
		resp.Header.Get("Content-Type") != "application/json" {
		r.t.Fatalf("%s: %d %q %v", path, resp.StatusCode, body, err)
	}
	return told
}

// Facts of the header take no worker, whatever the limits of pixels are.
func TestFacts(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.MaxPixels = 10 })
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	r.picture = picturetest.WithEXIF(b.Bytes(), 6, "")
	size := float64(len(r.picture))
	for options, want := range map[string]map[string]any{
		"": {"size": size, "format": "jpeg", "mime_type": "image/jpeg", "width": 30.0, "height": 40.0,
			"orientation": 6.0},
		"s:0/f:0/d:0":     {},
		"s:0/f:0/d:0/s:t": {"size": size},
		"s:0/f:0/d:0/cs:1/b:1/sf:1/pn:1/a:1": {"colorspace": "srgb", "bands": 3.0, "sample_format": "uchar",
			"pages_number": 1.0, "alpha": false},
		"size:0/format:0/dimensions:0/video_meta:0/do:0": {},
	} {
		if got := r.facts(r.infoPath(options, "/a.jpg")); !maps.Equal(got, want) {
			t.Errorf("%s: %v instead of %v", options, got, want)
		}
	}
	if n := r.painter.results.Load(); n != 0 {
		t.Errorf("%d jobs of a worker", n)
	}
}

// A JPEG of 100 megapixels, in about one MB, is not decoded.
func TestFactsOfALargeImage(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.MaxPixels = 50e6 })
	r.picture = picturetest.FlatJPEG(10000, -1, 1, 100)
	got := r.facts(r.infoPath("cs:1/pn:1/a:1", "/a.jpg"))
	want := map[string]any{"size": float64(len(r.picture)), "format": "jpeg", "mime_type": "image/jpeg",
		"width": 10000.0, "height": 10000.0, "orientation": 1.0, "colorspace": "b-w", "pages_number": 1.0,
		"alpha": false}
	if !maps.Equal(got, want) {
		t.Errorf("%v instead of %v", got, want)
	}
	if n := r.painter.results.Load(); n != 0 {
		t.Errorf("%d jobs of a worker", n)
	}
	if resp, body := r.must(r.pathOf("w:10", "/a.jpg")); resp.StatusCode != 422 {
		t.Errorf("the image itself: %d %q", resp.StatusCode, body)
	}
}

// The limits that a URL sets for itself count.
func TestLimitsOfFacts(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AllowSecurityOptions = true })
	for options, want := range map[string]int{"msr:1": 200, "msr:0.1": 422, "msfs:1": 422} {
		if resp, body := r.must(r.infoPath(options, "/"+options)); resp.StatusCode != want {
			t.Errorf("%s: %d %q", options, resp.StatusCode, body)
		}
	}
}

// Facts about pixels take one small job, within the budgets, and are cached like others.
func TestFactsAboutPixels(t *testing.T) {
	r := newRig(t, nil)
	path := r.infoPath("p:4/avg:1/dc:1:1/bh:4:3/th:1/ph:1/a:1:1", "/a.png")
	got := r.facts(path)
	black := map[string]any{"R": 0.0, "G": 0.0, "B": 0.0, "A": 255.0}
	want := map[string]any{"size": float64(len(r.picture)), "format": "png", "mime_type": "image/png", "width": 400.0,
		"height": 300.0, "orientation": 1.0, "alpha": false, "transparent": false, "average": black,
		"palette": []any{black}, "blurhash": "L00000fQfQfQfQfQfQfQfQfQfQfQ", "thumb_hash": got["thumb_hash"],
		"perceptual_hash": got["perceptual_hash"], "dominant_colors": got["dominant_colors"]}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v instead of %v", got, want)
	}
	if again := r.facts(path); !reflect.DeepEqual(again, got) {
		t.Errorf("the second time: %v", again)
	}
	job := r.painter.last.Load()
	if n := r.painter.results.Load(); n != 1 || job.Memory <= 0 || job.Outputs[0].Width != 100 ||
		job.Outputs[0].Height != 100 || job.Outputs[0].Format != transform.PNG {
		t.Errorf("%d jobs, the last one %+v", n, job)
	}
}

// What has to be decoded keeps the limits of pixels, and a result that is no small PNG is an error.
func TestFactsAboutPixelsOfBadImages(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.MaxPixels = 100 })
	for options, want := range map[string]int{"": 200, "th:1": 422} {
		if resp, body := r.must(r.infoPath(options, "/a.png")); resp.StatusCode != want {
			t.Errorf("%s: %d %q", options, resp.StatusCode, body)
		}
	}
	r = newRig(t, nil)
	r.painter.fail = func(context.Context) error { return transform.ErrMalformed }
	if resp, body := r.must(r.infoPath("th:1", "/a.png")); !strings.HasPrefix(body, "broken-picture") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

func TestHashsums(t *testing.T) {
	r := newRig(t, nil)
	r.picture = picturetest.PNG(picturetest.Chart(40, 30))
	got := r.facts(r.infoPath("chs:md5:sha1:sha256:sha512", "/a.png"))["hashsums"]
	sums := map[string]any{}
	for name, h := range map[string]hash.Hash{"md5": md5.New(), "sha1": sha1.New(), "sha256": sha256.New(),
		"sha512": sha512.New()} {
		h.Write(r.picture)
		sums[name] = fmt.Sprintf("%x", h.Sum(nil))
	}
	if !reflect.DeepEqual(got, sums) {
		t.Errorf("%v instead of %v", got, sums)
	}
	for name, sum := range sums {
		if told := r.facts(r.infoPath("hs:"+name+":"+sum.(string), "/a.png")); told["hashsums"] != nil {
			t.Errorf("%s that only was to be checked: %v", name, told)
		}
		wrong := strings.Repeat("0", len(sum.(string)))
		if resp, body := r.must(r.infoPath("hs:"+name+":"+wrong, "/a.png")); resp.StatusCode != 422 ||
			!strings.HasPrefix(body, "wrong-hashsum: ") {
			t.Errorf("%s: %d %q", name, resp.StatusCode, body)
		}
	}
}

// Facts are cached, answered with an ETag, and purged like images.
func TestFactsAreCachedAndPurged(t *testing.T) {
	r := newRig(t, nil)
	path := r.infoPath("ct:dunes", "/a.png")
	resp, _ := r.must(path)
	if cc := resp.Header.Get("Cache-Control"); !strings.Contains(cc, "max-age=3600") {
		t.Errorf("Cache-Control: %s", cc)
	}
	again, err := http.NewRequest(http.MethodGet, r.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("If-None-Match", resp.Header.Get("ETag"))
	if resp, err := http.DefaultClient.Do(again); err != nil || resp.StatusCode != 304 {
		t.Errorf("again: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}
	unsigned := "/info/x" + strings.TrimPrefix(path, "/info/"+strings.Split(path, "/")[2])
	for what, ask := range map[string]PurgeRequest{"url": {URLs: []string{path}},
		"url without its signature": {URLs: []string{unsigned}}, "source": {Sources: []string{r.site.URL + "/a.png"}},
		"tag": {Tags: []string{"dunes"}}} {
		r.facts(path)
		if resp, _ := r.must(path); !strings.Contains(resp.Header.Get("Cache-Status"), "hit") {
			t.Errorf("%s: not cached: %s", what, resp.Header.Get("Cache-Status"))
		}
		r.purge(ask)
		if resp, _ := r.must(path); strings.Contains(resp.Header.Get("Cache-Status"), "; hit") {
			t.Errorf("%s: still cached: %s", what, resp.Header.Get("Cache-Status"))
		}
	}
}

// Paths as generateImageInfoUrl of @imgproxy/imgproxy-node 1.1.0 makes them, whose signatures are of another key here.
func TestSignaturesOfFacts(t *testing.T) {
	open, err := signedurl.New(signedurl.Config{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	d := thumborDialect(t, thumbor.Config{Keys: []string{"secret"}})
	for name, change := range map[string]func(*Config){
		"signed": nil, "insecure": func(c *Config) { c.Keyring = open },
		"prefix":  func(c *Config) { c.PathPrefix = "/img" },
		"thumbor": func(c *Config) { c.Thumbor, c.ThumborPath = d, "/" },
	} {
		r := newRig(t, change)
		prefix, source := r.cfg.PathPrefix, "plain/"+r.site.URL+"/a.png"
		good := "/f:t/s:t/" + source
		for path, want := range map[string]int{
			"/info/" + ring.Sign(good) + good:                                                 200,
			"/info/ZjwXwF1ELLLcv3wzopRP5REbRsNm_LfFHP_xjTQ9OSk" + good:                        403,
			"/info/insecure/" + source:                                                        403,
			"/info/" + ring.Sign("/w:10/"+source) + "/w:10/" + source:                         404,
			"/info/" + ring.Sign("/detect_objects:1/"+source) + "/detect_objects:1/" + source: 404,
			"/info/" + ring.Sign("/"+source+"@webp") + "/" + source + "@webp":                 404,
			"/information/w:10/" + source:                                                     403, "/inf/x": 403,
		} {
			if name == "insecure" && (want == 403) {
				continue
			}
			if resp, body := r.must(prefix + path); resp.StatusCode != want {
				t.Errorf("%s: %s: %d %q", name, path, resp.StatusCode, body)
			}
		}
	}
}

// Keys whose policies list options have facts where the list has the word. Limits of sizes say nothing of them.
func TestFactsUnderAPolicy(t *testing.T) {
	r := keyedRig(t, map[string]AccessPolicy{"shop": {}}, nil)
	for _, tc := range []struct {
		policy AccessPolicy
		want   int
	}{
		{AccessPolicy{}, 200}, {AccessPolicy{MaxWidth: 10, MaxPixels: 10}, 200}, {AccessPolicy{Revoked: true}, 403},
		{AccessPolicy{Scope: signedurl.Scope{Options: []string{"w"}}}, 403},
		{AccessPolicy{Scope: signedurl.Scope{Options: []string{"w", "info"}}}, 200},
		{AccessPolicy{Expiry: true}, 403},
	} {
		r.reload(map[string]AccessPolicy{"shop": tc.policy})
		if resp, body := r.must("/info" + r.by("shop", "a:1", "/a.png")); resp.StatusCode != tc.want {
			t.Errorf("%+v: %d %q", tc.policy, resp.StatusCode, body)
		}
	}
}

func TestUnsignedFacts(t *testing.T) {
	r := unsignedRig(t)
	ask := func(options string) int {
		resp, _ := r.must("/info/unsigned/" + options + "plain/" + r.site.URL + "/open/a.png")
		return resp.StatusCode
	}
	if got := ask(""); got != 403 {
		t.Errorf("facts that no list has: %d", got)
	}
	r.cfg.Unsigned.Rules.Facts = []string{"size:0", "a:1"}
	for options, want := range map[string]int{"": 200, "size:0/": 200, "size:0/a:1/": 200, "s:0/": 403,
		"cb:1/": 403, "a:1/nothing:1/": 403} {
		if got := ask(options); got != want {
			t.Errorf("%s: %d", options, got)
		}
	}
	if resp, _ := r.must("/info/unsigned/plain/" + r.site.URL + "/secret/a.png"); resp.StatusCode != 403 {
		t.Errorf("a source that no list has: %d", resp.StatusCode)
	}
}

// Sources that are no images are the same errors as they are for images.
func TestFactsOfNoImage(t *testing.T) {
	r := newRig(t, nil)
	for body, code := range map[string]string{"<html>": "unsupported-type", "\xff\xd8\xff\xe0": "truncated",
		string(picturetest.PNG(picturetest.Chart(40, 30))[:60]): "truncated"} {
		r.picture = []byte(body)
		if resp, told := r.must(r.infoPath("", fmt.Sprint("/", len(body)))); !strings.HasPrefix(told, code) {
			t.Errorf("%q: %d %q", body[:4], resp.StatusCode, told)
		}
	}
}
