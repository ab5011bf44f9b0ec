package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/hidden"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// withHidden gives a server room for a few hidden sources.
func withHidden(t *testing.T) func(*Config) {
	return func(c *Config) {
		store, err := hidden.Open(hidden.Config{Dir: t.TempDir(), Max: 10})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		c.Hidden, c.HashKey = HiddenSources{Store: store}, ring.HashKey()
	}
}

func hiddenRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	return newRig(t, func(c *Config) {
		withHidden(t)(c)
		if change != nil {
			change(c)
		}
	})
}

// hiddenHitRig answers hits the short way.
func hiddenHitRig(t *testing.T) *hitRig {
	r := newHitRig(t, withHidden(t))
	r.URL = "http://" + r.front.address.String()
	return r
}

// admin sends a request to the admin port and gives the status and the body.
func (r *rig) admin(method, path, body string) (int, string) {
	req := httptest.NewRequest(method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// register registers sources and gives their hashes.
func (r *rig) register(sources ...string) []string {
	r.t.Helper()
	answer, err := r.server.RegisterSources(r.t.Context(), SourcesRequest{Sources: sources})
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.Hashes
}

// hiddenPath signs a path with the hash of a source.
func hiddenPath(options, hash string) string {
	path := "/" + strings.TrimPrefix(options+"/", "/") + "h/" + hash
	return "/" + ring.Sign(path) + path
}

// A hidden source and the same one in the open are one entry, which purges find by the source and
// by either URL.
func TestHiddenSourcesShareEntries(t *testing.T) {
	r := hiddenHitRig(t)
	hash := r.register(r.site.URL + "/secret/a.png")[0]
	open, secret := r.pathOf("w:100", "/secret/a.png"), hiddenPath("w:100", hash+".png")
	same := []string{r.pathOf("w:100", "/secret/a.png@png"), secret, hiddenPath("w:100", hash+"@png"), secret}
	made := int64(0)
	for _, ask := range []PurgeRequest{{}, {Sources: []string{r.site.URL + "/secret/a.png"}},
		{URLs: []string{secret}}, {URLs: []string{r.URL + same[0]}}, {Prefixes: []string{r.site.URL + "/secret/"}}} {
		if ask.Mode = "hard"; ask.URLs != nil || ask.Sources != nil || ask.Prefixes != nil {
			r.purge(ask)
		}
		made++
		for _, path := range same {
			if resp, body := r.must(path); resp.StatusCode != 200 || r.painter.results.Load() != made {
				t.Fatalf("%+v: %s: %d %.40q, %d made", ask, path, resp.StatusCode, body, r.painter.results.Load())
			}
		}
	}
	if resp, _ := r.must(open); resp.StatusCode != 200 || r.short.Load() == 0 {
		t.Errorf("in the open: %d; %d hits the short way", resp.StatusCode, r.short.Load())
	}
}

// A hash that is not known is a 404 that costs nothing, and is not remembered.
func TestUnknownHashes(t *testing.T) {
	r := hiddenRig(t, nil)
	source := r.site.URL + "/later.png"
	path := hiddenPath("w:100", signedurl.HashSource(ring.HashKey(), source).String())
	resp, body := r.must(path)
	if resp.StatusCode != 404 || !strings.HasPrefix(body, "unknown-hash: ") ||
		resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	if r.asked.Load() != 0 || r.cfg.Cache.Stats().Entries != 0 {
		t.Error("it was fetched, or remembered")
	}
	r.register(source)
	if resp, body := r.must(path); resp.StatusCode != 200 {
		t.Errorf("once it is registered: %d %q", resp.StatusCode, body)
	}
	if resp, body := r.must(strings.Replace(path, "h/", "h/A", 1)); resp.StatusCode != 403 {
		t.Errorf("a changed path: %d %q", resp.StatusCode, body)
	}
	off := newRig(t, nil)
	if resp, body := off.must(path); resp.StatusCode != 404 || !strings.HasPrefix(body, "unknown-hash: ") {
		t.Errorf("without hidden sources: %d %q", resp.StatusCode, body)
	}
}

// Nothing that a client gets tells which source a hash stands for: no header of an image, and no
// error of any kind.
func TestNothingTellsAHiddenSource(t *testing.T) {
	rule, err := origin.ParseSourceRule("http://*/") // not the port of the site
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		origin origin.Config
		status int
	}{
		"image":    {nil, origin.Config{AllowNetworks: loopback}, 200},
		"missing":  {func(w http.ResponseWriter) { w.WriteHeader(404) }, origin.Config{AllowNetworks: loopback}, 404},
		"denied":   {func(w http.ResponseWriter) { w.WriteHeader(403) }, origin.Config{AllowNetworks: loopback}, 502},
		"failing":  {func(w http.ResponseWriter) { w.WriteHeader(500) }, origin.Config{AllowNetworks: loopback}, 502},
		"part":     {func(w http.ResponseWriter) { w.WriteHeader(206) }, origin.Config{AllowNetworks: loopback}, 502},
		"no image": {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, origin.Config{AllowNetworks: loopback}, 415},
		"redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "//elsewhere.example/secret")
			w.WriteHeader(302)
		}, origin.Config{AllowNetworks: loopback}, 502},
		"private":   {nil, origin.Config{}, 502},
		"off lists": {nil, origin.Config{AllowNetworks: loopback, Allow: []origin.SourceRule{rule}}, 403},
		"large":     {nil, origin.Config{AllowNetworks: loopback, MaxBytes: 100}, 422},
	} {
		r := hiddenRig(t, func(c *Config) {
			c.Origin.Close()
			tc.origin.Timeout = slow
			if c.Origin, err = origin.New(tc.origin); err != nil {
				t.Fatal(err)
			}
		})
		r.answers(tc.answer)
		source := r.site.URL + "/secret/thing.png"
		hash := signedurl.HashSource(ring.HashKey(), source)
		_, err := r.cfg.Hidden.Store.Add(t.Context(), []hidden.Source{{Hash: hidden.Hash(hash), URL: source}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			resp, body := r.must(hiddenPath("w:100", hash.String()))
			all := fmt.Sprint(resp.Header) + body
			for _, part := range []string{"secret", "thing", strings.TrimPrefix(r.site.URL, "http://"), "127.0.0.1",
				"elsewhere"} {
				if strings.Contains(all, part) {
					t.Errorf("%s: %q is in %.500s", name, part, all)
				}
			}
			if resp.StatusCode != tc.status {
				t.Errorf("%s: %d %.200q", name, resp.StatusCode, body)
			}
		}
	}
}

// A path without a signature may name a hidden source that is on its list, by its own name.
func TestUnsignedHiddenSources(t *testing.T) {
	r := hiddenRig(t, func(c *Config) { c.Unsigned = &UnsignedAccess{} })
	rule, err := origin.ParseSourceRule(strings.TrimPrefix(r.site.URL, "http://") + "/open/")
	if err != nil {
		t.Fatal(err)
	}
	*r.cfg.Unsigned = UnsignedAccess{Rules: signedurl.UnsignedRules{Widths: []int{100}},
		Sources: []origin.SourceRule{rule}}
	hashes := r.register(r.site.URL+"/open/a.png", r.site.URL+"/secret/a.png")
	for i, want := range []int{200, 403} {
		if resp, body := r.must("/unsigned/w:100/h/" + hashes[i]); resp.StatusCode != want {
			t.Errorf("%d: %d %q", i, resp.StatusCode, body)
		}
	}
}

// Where the log cannot be used hidden sources are a 503 with a text, and all others go on; so does
// an image that was served before.
func TestLogOfHiddenSourcesThatFails(t *testing.T) {
	r := hiddenHitRig(t)
	hashes := r.register(r.site.URL+"/a.png", r.site.URL+"/b.png")
	for range 2 {
		r.must(hiddenPath("w:100", hashes[0]))
	}
	req, err := r.server.readRequest(hiddenPath("w:100", hashes[0]))
	if err != nil {
		t.Fatal(err)
	}
	key := r.server.newCacheRequest(req).key
	r.until("the way of hits", func() bool { // which target and result have found a moment behind the response
		used, _ := r.server.targets.size()
		_, ok := r.cfg.Cache.GetFromRAM(key)
		return ok && used > 0
	})
	_ = r.cfg.Hidden.Store.Close()
	for path, want := range map[string]int{hiddenPath("w:100", hashes[0]): 200, hiddenPath("w:100", hashes[1]): 503,
		r.pathOf("w:100", "/b.png"): 200} {
		resp, body := r.must(path)
		if resp.StatusCode != want || want == 503 && (!strings.HasPrefix(body, "hidden-unavailable: ") ||
			resp.Header.Get("Retry-After") == "") {
			t.Errorf("%s: %d %.100q %v", path, resp.StatusCode, body, resp.Header)
		}
	}
	if code, body := r.admin("POST", "/sources", `{"sources": ["https://example.com/c.png"]}`); code != 503 {
		t.Errorf("%d %q", code, body)
	}
}

func TestRegistrationOfSources(t *testing.T) {
	r := hiddenRig(t, nil)
	code, body := r.admin("POST", "/sources", `{"sources": ["https://example.com/a&b.png", "local:///x"]}`)
	var answer SourcesAnswer
	want := []string{signedurl.HashSource(ring.HashKey(), "https://example.com/a&b.png").String()}
	if code != 400 {
		t.Errorf("a local source without a root: %d %q", code, body)
	}
	for n := range 2 {
		code, body = r.admin("POST", "/sources",
			`{"sources": ["https://example.com/a&b.png", "https://example.com/a&b.png"]}`)
		err := json.Unmarshal([]byte(body), &answer)
		same := slices.Equal(answer.Hashes, []string{want[0], want[0]})
		if code != 200 || err != nil || !same || answer.Added != 1-n {
			t.Errorf("%d: %d %q, %v", n, code, body, err)
		}
	}
	full := `{"sources": ["https://example.com/1"`
	for n := range 10 {
		full += fmt.Sprintf(`, "https://example.com/%d"`, n+2)
	}
	for _, tc := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"POST", "/sources", full + "]}", 507, "hidden-full: "},
		{"POST", "/sources", `{"sources": []}`, 400, "Nothing to register"},
		{"POST", "/sources", `{"sources": [` + strings.Repeat(`"https://example.com/a",`, 1000) + `"https://a/b"]}`, 400, "1000"},
		{"POST", "/sources", `{"sources": ["https://example.com/` + strings.Repeat("a", 8192) + `"]}`, 400, "8192"},
		{"POST", "/sources", `{"sources": ["` + strings.Repeat("a", 300<<10) + `"]}`, 413, "too-large: "},
		{"POST", "/sources", `{"sources": ["https://user:pw@example.com/a"]}`, 400, "password"},
		{"POST", "/sources", `{"sources": ["https://example.com/\u0000"]}`, 400, "control"},
		{"POST", "/sources", `{"sources": ["a.jpg"]}`, 400, "scheme"},
		{"POST", "/sources", `{"source": "https://example.com/a.jpg"}`, 400, "unknown field"},
		{"PUT", "/sources", ``, 405, "GET"},
		{"GET", "/sources", ``, 200, `{"registered":1,"max":10,`},
		{"GET", "/sources?hash=" + want[0], ``, 200, `"source":"https://example.com/a&b.png"`},
		{"GET", "/sources?hash=" + strings.Repeat("A", 22), ``, 404, "unknown-hash: "},
		{"GET", "/sources?hash=x", ``, 400, "22 characters"},
	} {
		if code, body := r.admin(tc.method, tc.path, tc.body); code != tc.status || !strings.Contains(body, tc.has) {
			t.Errorf("%s %s %.60s: %d %q", tc.method, tc.path, tc.body, code, body)
		}
	}
	r = newRig(t, nil)
	for _, method := range []string{"GET", "POST"} {
		code, body := r.admin(method, "/sources", `{}`)
		if code != 503 || !strings.Contains(body, "--max-hidden-sources") {
			t.Errorf("where they are off: %d %q", code, body)
		}
	}
}
