package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// queryMount is a dialect of tests whose targets are all in the query: /query?url=…&w=….
func queryMount(sources ...origin.SourceRule) Mount {
	parse := func(rest string) (req signedurl.Request, err error) {
		query, err := url.ParseQuery(strings.TrimPrefix(rest, "?"))
		if err == nil {
			req.Source, req.Auto = query.Get("url"), query.Get("f") == "auto"
			req.Terms.MinAge, _ = strconv.ParseInt(query.Get("min"), 10, 64)
			req.Params.Width, err = strconv.Atoi(query.Get("w"))
			if query.Has("no-png") {
				req.Terms.Refused = transform.FormatSetOf([]transform.Format{transform.PNG})
			}
		}
		if err == nil {
			req.Params, err = req.Params.Normalize()
		}
		if err != nil {
			return req, fmt.Errorf("%w: %v", signedurl.ErrBadArgument, err)
		}
		return req, nil
	}
	return Mount{Name: "test", Prefix: "/query", Parse: parse, Sources: sources,
		Refusal: "nobody may have this source", Formats: []transform.Format{transform.WebP}, Statuses: map[string]int{"bad-argument": 400, "source-not-found": 410},
		Header:    http.Header{"Content-Disposition": {"attachment"}},
		SetHeader: func(h http.Header, status string) { h["X-Test-Cache"] = []string{status} },
	}
}

func (r *rig) query(source, more string) string {
	return "/query?url=" + url.QueryEscape(r.site.URL+source) + "&" + more
}

// In a mount the query counts, for known targets too, and its results are those of other dialects.
func TestMountsReadTheQuery(t *testing.T) {
	r := newHitRig(t, func(c *Config) { c.Mounts, c.PathPrefix = []Mount{queryMount()}, "/images" })
	native := r.front.ask("/images" + r.path("w:10"))
	r.settled()
	for i, tc := range []struct {
		target string
		status string
		short  bool
	}{
		{r.query("/a.png", "w=10"), "hit", false}, // of the native path
		{r.query("/a.png", "w=10"), "hit", true},
		{r.query("/a.png", "w=20"), "miss", false},
		{r.query("/a.png", "w=20"), "hit", true},
		{r.query("/a.png", "w=10"), "hit", true},
		{r.query("/a.png", "w=20&x=1"), "hit", false},
	} {
		got, short := r.askInFront(tc.target)
		if got.status != 200 || !strings.Contains(got.header, "X-Test-Cache: "+tc.status+"\r\n") || short != tc.short ||
			!strings.Contains(got.header, "Content-Disposition: attachment\r\n") {
			t.Errorf("%d: %d, the short way: %v\n%s", i, got.status, short, got.header)
		}
		if same := got.body == native.body; same != strings.Contains(tc.target, "w=10") {
			t.Errorf("%d: the same as w:10: %v", i, same)
		}
		r.settled()
	}
	if n := r.painter.results.Load(); n != 2 {
		t.Errorf("%d results", n)
	}
	again, short := r.askInFront("/images" + r.path("w:10") + "?x=1")
	if again.body != native.body || !short || strings.Contains(again.header, "X-Test") {
		t.Errorf("a native path with a query: %s", again.header)
	}
}

// A mount has statuses of its own for the same errors, and its own sources.
func TestMountsHaveTheirOwnStatuses(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Mounts = []Mount{queryMount()} })
	rule, err := origin.ParseSourceRule(strings.TrimPrefix(r.site.URL, "http://") + "/open/")
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Mounts[0].Sources = []origin.SourceRule{rule}
	for _, tc := range []struct {
		target, body string
		status       int
	}{
		{r.query("/open/a.png", "w=x"), "bad-argument: ", 400},
		{r.query("/secret/a.png", "w=10"), "source-not-allowed: Nobody may have this source. ", 403},
		{r.query("/open/../secret/a.png", "w=10"), "source-not-allowed: ", 403},
		{"/query/more", "bad-argument: ", 400},
		{"/querying?url=" + r.site.URL + "&w=10", "malformed-path: ", 404},
		{r.path("w:x"), "bad-argument: ", 404},
	} {
		if resp, body := r.must(tc.target); resp.StatusCode != tc.status || !strings.HasPrefix(body, tc.body) {
			t.Errorf("%s: %d %q", tc.target, resp.StatusCode, body)
		}
	}
	if r.asked.Load() != 0 {
		t.Error("a refused target had its source fetched")
	}
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
	for range 2 { // the second one from the negative entry
		if resp, body := r.must(r.query("/open/a.png", "w=10")); resp.StatusCode != http.StatusGone {
			t.Errorf("a missing source: %d %q", resp.StatusCode, body)
		}
	}
	if resp, _ := r.must(r.pathOf("w:10", "/open/a.png")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a missing source in the native dialect: %d", resp.StatusCode)
	}
}

// Formats of a mount are negotiated as its own list says, and purged and warmed so.
func TestMountsNegotiateTheirFormats(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Mounts, c.AutoFormats = []Mount{queryMount()}, []transform.Format{transform.AVIF, transform.WebP}
	})
	auto := r.query("/a.png", "w=10&f=auto")
	images, _ := r.warm(WarmRequest{URLs: []string{"https://cdn.example" + auto}})
	if len(images) != 2 || images[0].Accept != "image/webp" || images[1].Accept != "*/*" {
		t.Fatalf("%+v", images)
	}
	for accept, format := range map[string]transform.Format{
		"image/avif,image/webp": transform.WebP, "image/avif": transform.FormatUnknown, "": transform.FormatUnknown,
	} {
		resp, _ := r.must(auto, "Accept", accept)
		if resp.Header.Get("X-Test-Cache") != "hit" || resp.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: %v", accept, resp.Header)
		}
		req := signedurl.Request{Source: r.site.URL + "/a.png", Auto: format == transform.FormatUnknown}
		req.Params.Width, req.Params.Format = 10, format
		if !slices.Contains(mustKeys(t, r, auto), r.server.newCacheRequest(req).key) {
			t.Errorf("%q: a purge of the URL does not name the result", accept)
		}
	}
	if resp, _ := r.must(r.query("/a.png", "w=10")); resp.Header.Get("Vary") != "" {
		t.Errorf("without auto: %v", resp.Header)
	}
	r.purge(PurgeRequest{URLs: []string{"https://cdn.example" + auto}})
	for _, accept := range []string{"image/webp", ""} {
		if resp, _ := r.must(auto, "Accept", accept); resp.Header.Get("X-Test-Cache") != "miss" {
			t.Errorf("%q after a purge: %v", accept, resp.Header)
		}
	}
	if resp, _ := r.must(r.query("/a.png", "w=10")); resp.Header.Get("X-Test-Cache") != "hit" {
		t.Errorf("another URL was purged: %v", resp.Header)
	}
}

// A least lifetime raises that of the origin, never lowers it, and is no other URL's.
func TestLeastLifetimeOfARequest(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Mounts = []Mount{queryMount()} })
	r.header.Set("Cache-Control", "max-age=100")
	for more, want := range map[string]string{"w=10": "100", "w=10&min=50": "100", "w=10&min=200": "200"} {
		resp, _ := r.must(r.query("/a.png", more))
		if got := resp.Header.Get("Cache-Control"); got != "public, max-age="+want {
			t.Errorf("%s: %s", more, got)
		}
	}
	r.header.Set("Cache-Control", "no-store")
	if resp, _ := r.must(r.query("/b.png", "w=10&min=200")); resp.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("no-store: %v", resp.Header)
	}
}

// A format that a dialect refuses is an error there, whatever others have in the cache, and for it alone.
func TestFormatsThatADialectRefuses(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Mounts = []Mount{queryMount()} })
	for range 2 {
		if resp, body := r.must(r.query("/a.png", "w=10&no-png")); resp.StatusCode != 415 ||
			!strings.HasPrefix(body, "unsupported-type: The source is PNG") {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
		if resp, body := r.must(r.query("/a.png", "w=10")); resp.StatusCode != 200 {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
	}
}

// Where a dialect says so a browser goes to the source instead of an error, but not to one that was refused, and
// not because the server is overloaded.
func TestRedirectInsteadOfAnError(t *testing.T) {
	m := queryMount()
	m.OnError = func(rest string) string { return "/source" + rest[:2] }
	r := newRig(t, func(c *Config) { c.Mounts = []Mount{m} })
	ask := func(target string) *http.Response {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+target, nil)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if resp := ask(r.query("/a.png", "w=x")); resp.StatusCode != 400 || resp.Header.Get("Location") != "" {
		t.Errorf("a wrong URL: %d %v", resp.StatusCode, resp.Header)
	}
	r.painter.fail = func(context.Context) error { return budget.ErrSaturated }
	if resp := ask(r.query("/a.png", "w=10")); resp.StatusCode != 503 || resp.Header.Get("Location") != "" {
		t.Errorf("an overloaded server: %d %v", resp.StatusCode, resp.Header)
	}
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
	resp := ask(r.query("/b.png", "w=10"))
	if resp.StatusCode != 302 || resp.Header.Get("Location") != "/source?u" ||
		resp.Header.Get("Cache-Control") != "no-store" ||
		resp.Header.Get("Cache-Status") != "pictor; fwd=miss; detail=source-not-found" {
		t.Errorf("a missing source: %d %v", resp.StatusCode, resp.Header)
	}
}

func mustKeys(t *testing.T, r *rig, target string) []cache.Key {
	t.Helper()
	keys, err := r.server.keysOf(target)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestMountsMayNotTakePathsOfOthers(t *testing.T) {
	parse := queryMount().Parse
	for prefix, want := range map[string]bool{
		"/query": true, "/query/": true, "/a/b": true, "/images": false, "/images/x/": true, "/": false, "": false,
		"x": false, "/x?": false, "//x": false, "/health": false, "/health/": false, "/unsigned/": false,
		"/robots.txt": false, "/thumbor": false, "/thumbor/x": false, "/taken": false, "/taken/more": false,
		"/take": true, "/taken-not": true, "/images/deep": true,
	} {
		mounts := []Mount{{Name: "one", Prefix: "/taken", Parse: parse}, {Name: "two", Prefix: prefix, Parse: parse}}
		if err := CheckMounts(mounts, "/images", "/thumbor/"); (err == nil) != want {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestMountOf(t *testing.T) {
	mounts := []Mount{{Prefix: "/_next/image"}, {Prefix: "/cdn-cgi/image/"}}
	for target, want := range map[string]string{
		"/_next/image?url=/a": "?url=/a", "/_next/image": "", "/_next/image/?url=/a?b": "/?url=/a?b",
		"https://a.example/_next/image?url=https://b/c": "?url=https://b/c",
		"/cdn-cgi/image/w=1/https://a/b?c":              "w=1/https://a/b?c",
		"http://a.example:80/cdn-cgi/image/w=1/b":       "w=1/b",
		"/_next/images?url=/a":                          "-", "/_next/Image?url=/a": "-", "/cdn-cgi/image": "-",
		"/x/_next/image?url=/a": "-", "?": "-", "": "-", "https://a.example?/_next/image": "-",
	} {
		m, rest := MountOf(mounts, target)
		if m == nil {
			rest = "-"
		}
		if rest != want {
			t.Errorf("%s: %q", target, rest)
		}
	}
}
