package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// What each profile says of a fresh answer, of one whose URL ends, of one that
// has its version in its URL, of one that may not be kept, and of an error.
func TestWhatIsSaidToEachCDN(t *testing.T) {
	const day = ", stale-while-revalidate=3600, stale-if-error=86400"
	for _, tc := range []struct {
		cdn, name, options, origin string
		control, header, value     string
	}{
		{"", "fresh", "w:10", "", "public, max-age=3600", "", ""},
		{"cloudflare", "fresh", "w:10", "", "public, max-age=300", "CDN-Cache-Control", "max-age=3600" + day},
		{"fastly", "fresh", "w:10", "", "public, max-age=300", "Surrogate-Control", "max-age=3600" + day},
		{"nginx", "fresh", "w:10", "", "public, max-age=300", "Surrogate-Control", "max-age=3600" + day},
		{"varnish", "fresh", "w:10", "", "public, max-age=300", "Surrogate-Control", "max-age=3600" + day},
		{"cloudfront", "fresh", "w:10", "", "public, max-age=300, s-maxage=3600" + day, "", ""},
		{"cloudflare", "short", "w:10", "max-age=60", "public, max-age=60", "CDN-Cache-Control", "max-age=60" + day},
		{"cloudflare", "must be revalidated", "w:10", "max-age=60, must-revalidate", "public, max-age=60", "CDN-Cache-Control", "max-age=60"},
		{"cloudflare", "no-cache", "w:10", "no-cache", "no-cache", "CDN-Cache-Control", "max-age=0"},
		{"cloudfront", "no-cache", "w:10", "no-cache", "no-cache", "", ""},
		{"fastly", "its URL ends in its lifetime", "w:10/exp:%d+100", "", "public, max-age=100", "Surrogate-Control", "max-age=100"},
		{"fastly", "its URL ends while it is stale", "w:10/exp:%d+4000", "", "public, max-age=300", "Surrogate-Control", "max-age=3600, stale-while-revalidate=400, stale-if-error=400"},
		{"fastly", "versioned", "w:10/cb:1", "", "public, max-age=31536000, immutable", "Surrogate-Control", "max-age=31536000" + day},
		{"fastly", "private", "w:10", "private", "private, no-store", "Surrogate-Control", "no-store"},
		{"cloudfront", "private", "w:10", "private", "private, no-store", "", ""},
	} {
		t.Run(tc.cdn+" "+tc.name, func(t *testing.T) {
			var w watch
			r := newRig(t, func(c *Config) {
				timed(t, &w, transform.PixelVersion)(c)
				c.CDN, _ = ParseCDN(tc.cdn)
			})
			if tc.origin != "" {
				r.header.Set("Cache-Control", tc.origin)
			}
			options := tc.options
			if before, seconds, ok := strings.Cut(options, "%d+"); ok {
				var n int64
				fmt.Sscan(seconds, &n)
				options = fmt.Sprint(before, w.now().Unix()+n)
			}
			resp, _ := r.must(r.path(options))
			if got := resp.Header.Get("Cache-Control"); got != tc.control {
				t.Errorf("Cache-Control: %s, want %s", got, tc.control)
			}
			for _, h := range []string{"CDN-Cache-Control", "Surrogate-Control"} {
				want := ""
				if h == tc.header {
					want = tc.value
				}
				if got := resp.Header.Get(h); got != want {
					t.Errorf("%s: %q, want %q", h, got, want)
				}
			}
		})
	}
}

func TestTagsForTheCDN(t *testing.T) {
	for name, want := range map[string]struct{ header, between string }{
		"cloudflare": {"Cache-Tag", ","}, "cloudfront": {"Cache-Tag", ","}, "fastly": {"Surrogate-Key", " "},
		"nginx": {"Surrogate-Key", " "}, "varnish": {"Surrogate-Key", " "}, "": {},
	} {
		r := newRig(t, func(c *Config) { c.CDN, _ = ParseCDN(name) })
		r.header.Set("Cache-Tag", "Origin")
		p := r.path("w:10/ct:b:a")
		for range 2 {
			resp, _ := r.must(p)
			all := resp.Header.Get("Cache-Tag") + resp.Header.Get("Surrogate-Key")
			if want.header == "" {
				if all != "" {
					t.Errorf("tags for nobody: %s", all)
				}
				continue
			}
			tags := strings.Split(resp.Header.Get(want.header), want.between)
			if len(tags) != 8 || strings.Join(tags[5:], " ") != "origin a b" {
				t.Fatalf("%s: %q", name, all)
			}
			// What a purge says to purge at the CDN is among them.
			for _, ask := range []PurgeRequest{
				{URLs: []string{p}}, {Sources: []string{r.site.URL + "/a.png"}}, {Tags: []string{"origin"}}, {Tags: []string{"A"}},
				{Hosts: []string{"127.0.0.1"}}, {Prefixes: []string{r.site.URL + "/a"}}, {All: true},
			} {
				for _, tag := range r.purge(ask).CDNTags {
					if !strings.Contains(want.between+all+want.between, want.between+tag+want.between) {
						t.Errorf("%+v: %s is not in %s", ask, tag, all)
					}
				}
			}
			not := r.must304(p, resp.Header.Get("ETag"))
			if not.Get(want.header) != all || not.Get("Cache-Control") == "" {
				t.Errorf("%s: 304 with %v", name, not)
			}
		}
		// Errors, and answers of one client alone, are nobody's to keep.
		r.answers(func(w http.ResponseWriter) { w.WriteHeader(404) })
		for _, resp := range []*http.Response{r.first(r.path("w:11")), r.first(p, "If-Match", `"x"`),
			r.first(p, "Range", "bytes=999999-")} {
			h := resp.Header
			if resp.StatusCode < 400 || h.Get("Cache-Control") != "no-store" ||
				h.Get("CDN-Cache-Control")+h.Get("Surrogate-Control")+h.Get("Cache-Tag")+h.Get("Surrogate-Key") != "" {
				t.Errorf("%s: %d with %v", name, resp.StatusCode, h)
			}
		}
	}
}

func (r *rig) first(path string, header ...string) *http.Response {
	r.t.Helper()
	resp, _ := r.must(path, header...)
	return resp
}

func (r *rig) must304(path, etag string) http.Header {
	r.t.Helper()
	resp := r.first(path, "If-None-Match", etag)
	if resp.StatusCode != http.StatusNotModified {
		r.t.Errorf("%d", resp.StatusCode)
	}
	return resp.Header
}

// What is sent downward never adds up to more than the origin allowed.
func TestFreshnessIsNotHandedOutTwice(t *testing.T) {
	var w watch
	r := newRig(t, timed(t, &w, transform.PixelVersion))
	r.header.Set("Cache-Control", "max-age=1000")
	for _, want := range []string{"1000", "900", "800"} {
		if got := r.first(r.path("w:10")).Header.Get("Cache-Control"); got != "public, max-age="+want {
			t.Errorf("%s, want %s", got, want)
		}
		w.pass(100 * time.Second)
	}
}
