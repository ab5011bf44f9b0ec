package origin

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What is said on the way to a source counts, too.
func TestFreshnessOverRedirects(t *testing.T) {
	said := func(control string) http.Header {
		h := http.Header{}
		if control != "" {
			h.Set("Cache-Control", control)
		}
		return h
	}
	for _, tc := range []struct {
		name           string
		status         int
		redirect, last string
		want           Freshness
	}{
		{"the shorter one, of the redirect", 302, "max-age=60", "max-age=600", Freshness{Explicit: true, TTL: time.Minute}},
		{"the shorter one, of the source", 301, "max-age=600", "max-age=60", Freshness{Explicit: true, TTL: time.Minute}},
		{"a temporary one says nothing", 302, "", "max-age=600", Freshness{Explicit: true, TTL: 10 * time.Minute, ByDefault: true}},
		{"another one says nothing", 307, "", "max-age=600", Freshness{Explicit: true, TTL: 10 * time.Minute, ByDefault: true}},
		{"a permanent one says nothing", 301, "", "max-age=600", Freshness{Explicit: true, TTL: 10 * time.Minute}},
		{"another permanent one", 308, "", "max-age=600", Freshness{Explicit: true, TTL: 10 * time.Minute}},
		{"the source says nothing", 302, "max-age=60", "", Freshness{Explicit: true, TTL: time.Minute, ByDefault: true}},
		{"only a permanent redirect says something", 301, "max-age=31536000", "", Freshness{Explicit: true, TTL: 365 * 24 * time.Hour, ByDefault: true}},
		{"nobody says anything", 301, "", "", Freshness{ByDefault: true}},
		{"private on the way", 302, "private", "max-age=600", Freshness{NoStore: true, Explicit: true, TTL: 10 * time.Minute, ByDefault: true}},
		{"no-store at the end", 302, "max-age=60", "no-store", Freshness{NoStore: true, Explicit: true, TTL: time.Minute, ByDefault: true}},
		{"no-cache on the way", 302, "no-cache", "max-age=600", Freshness{Explicit: true, StaleWhile: Window{Said: true}, StaleError: Window{Said: true}}},
		{"the shorter window", 302, "max-age=60, stale-if-error=5",
			"max-age=60, stale-if-error=50, stale-while-revalidate=7",
			Freshness{Explicit: true, TTL: time.Minute, StaleError: Window{true, 5 * time.Second}, StaleWhile: Window{true, 7 * time.Second}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				h := said(tc.last)
				if r.URL.Path != "/end" {
					h = said(tc.redirect)
					h.Set("Location", "/end")
				}
				for k, v := range h {
					w.Header()[k] = v
				}
				if r.URL.Path != "/end" {
					w.WriteHeader(tc.status)
				}
				io.WriteString(w, "picture")
			})
			_, meta, err := fetch(t, newFetcher(t, Config{AllowNetworks: loopback}), url+"/begin")
			if err != nil || meta.Freshness != tc.want || meta.URL != url+"/end" {
				t.Errorf("%+v, %v, want %+v", meta, err, tc.want)
			}
		})
	}
}

func TestTagsOverRedirects(t *testing.T) {
	many := strings.Repeat("x", maxTags/2)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a":
			w.Header().Set("Cache-Tag", "b,a")
			http.Redirect(w, r, "/b", http.StatusFound)
		case "/b":
			w.Header().Set("Surrogate-Key", "c "+r.URL.RawQuery)
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/many":
			w.Header().Set("Cache-Tag", many)
			http.Redirect(w, r, "/muchmore", http.StatusFound)
		case "/muchmore":
			w.Header().Set("Cache-Tag", strings.ToUpper(many)+"y")
		default:
			w.Header().Set("Cache-Tag", "a")
		}
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	if _, meta, err := fetch(t, f, url+"/a"); err != nil || meta.Tags != "a b c" || meta.NoStore {
		t.Errorf("%+v, %v", meta, err)
	}
	if _, meta, err := fetch(t, f, url+"/many"); err != nil || !meta.NoStore {
		t.Errorf("too many: %v, %v", meta.NoStore, err)
	}
}

// RFC 9111 §4.3.4: a 304 with a tag of its own is of something else, and must
// not make fresh what was asked about.
func TestA304OfSomethingElse(t *testing.T) {
	asked := ""
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked += r.Header.Get("If-None-Match") + ";"
		w.Header().Set("ETag", `"v2"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "picture")
	})
	var b bytes.Buffer
	meta, changed, err := newFetcher(t, Config{AllowNetworks: loopback}).Revalidate(context.Background(), url, Client{},
		Validators{ETag: `W/"v1"`}, &b, nil)
	if err != nil || !changed || meta.ETag != `"v2"` || b.String() != "picture" || asked != `W/"v1";;` {
		t.Errorf("%+v, %v, %v, %q, asked with %s", meta, changed, err, b.String(), asked)
	}
}

// RFC 9111 §4.1: what varies by everything is never the answer to another
// request.
func TestVaryByEverything(t *testing.T) {
	h := http.Header{"Vary": {"Accept", "*"}, "Cache-Control": {"max-age=60"}}
	if f := parseFreshness(h, time.Now()); !f.Explicit || f.TTL != 0 || !f.StaleWhile.Said || f.NoStore {
		t.Errorf("%+v", f)
	}
	h["Vary"] = []string{"Accept"}
	if f := parseFreshness(h, time.Now()); f.TTL != time.Minute {
		t.Errorf("%+v", f)
	}
}

// A 304 that says nothing leaves what was said before, of the source itself; what
// is said on the way to it is always new.
func TestRenewed(t *testing.T) {
	said := func(lifetime time.Duration, tags string) CacheDirectives {
		return CacheDirectives{Freshness{Explicit: lifetime > 0, TTL: lifetime}, tags}
	}
	strict := said(time.Minute, "b")
	strict.StaleError = Window{Said: true}
	direct := func(s CacheDirectives) Meta { return Meta{ETag: `"v"`, Freshness: s.Freshness, Tags: s.Tags} }
	silent := CacheDirectives{}
	before := direct(strict).withRedirects(said(10*time.Minute, "a"))
	for name, tc := range map[string]struct {
		before, now Meta
		ttl         time.Duration
		byDefault   bool
		strict      bool
		tags        string
	}{
		"nothing, directly":           {direct(strict), direct(silent), time.Minute, false, true, "b"},
		"all anew, directly":          {direct(strict), direct(said(time.Hour, "c")), time.Hour, false, false, "c"},
		"nothing, behind the same":    {before, direct(silent).withRedirects(said(10*time.Minute, "a")), time.Minute, false, true, "a b"},
		"nothing, behind a short one": {before, direct(silent).withRedirects(said(time.Second, "")), time.Second, false, true, "b"},
		"all anew, behind another":    {before, direct(said(time.Hour, "c")).withRedirects(said(2*time.Hour, "d")), time.Hour, false, false, "c d"},
		"nothing at all":              {before, direct(silent).withRedirects(CacheDirectives{Freshness: Freshness{ByDefault: true}}), time.Minute, true, true, "b"},
	} {
		m := tc.before.Renewed(tc.now)
		if m.TTL != tc.ttl || m.ByDefault != tc.byDefault || m.StaleError.Said != tc.strict || m.Tags != tc.tags ||
			m.ETag != `"v"` {
			t.Errorf("%s: %+v", name, m)
		}
		if again := m.Renewed(tc.now); again.TTL != m.TTL || again.Tags != m.Tags {
			t.Errorf("%s, once more: %+v", name, again)
		}
	}
}
