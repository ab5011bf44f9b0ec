package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// keyedRules are the rules of a ring of a key without a policy and of these with.
func keyedRules(t testing.TB, policies map[string]AccessPolicy) Rules {
	t.Helper()
	cfg := signedurl.Config{Pairs: []signedurl.Pair{{Key: []byte("key"), Salt: []byte("salt")}}}
	for id := range policies {
		cfg.Named = append(cfg.Named, signedurl.NamedKey{ID: id, Pair: signedurl.Pair{Key: []byte("key of " + id)}})
	}
	ring, err := signedurl.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	presets := map[string]string{"card": "w:50", "big": "w:90"}
	dialect, err := signedurl.NewDialect(signedurl.DialectConfig{Presets: presets})
	if err != nil {
		t.Fatal(err)
	}
	return Rules{Keyring: ring, Dialect: dialect, AccessKeys: policies}
}

// by signs the path of a source by a key, by trial: without its id.
func (r *rig) by(id, options, source string) string {
	path := "/" + strings.TrimPrefix(options+"/", "/") + "plain/" + r.site.URL + source
	ring := r.server.cfg.inForce.Load().Keyring
	if id == "" {
		return "/" + ring.Sign(path) + path
	}
	return "/" + strings.TrimPrefix(ring.Only(id).Sign(path), id+".") + path
}

func (r *rig) reload(policies map[string]AccessPolicy) {
	r.t.Helper()
	if err := r.server.Reload(keyedRules(r.t, policies), r.cfg.RuntimeConfig); err != nil {
		r.t.Fatal(err)
	}
}

func keyedRig(t testing.TB, policies map[string]AccessPolicy, change func(*Config)) *rig {
	return newRig(t, func(c *Config) {
		c.Rules = keyedRules(t, policies)
		if change != nil {
			change(c)
		}
	})
}

func sourceRule(t testing.TB, text string) origin.SourceRule {
	t.Helper()
	rule, err := origin.ParseSourceRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

func TestKeyPolicies(t *testing.T) {
	w := &watch{}
	now := w.now()
	r := keyedRig(t, map[string]AccessPolicy{}, timed(t, w, transform.PixelVersion))
	at := func(d time.Duration) string { return "exp:" + strconv.FormatInt(now.Add(d).Unix(), 10) }
	open := []origin.SourceRule{sourceRule(t, strings.TrimPrefix(r.site.URL, "http://")+"/open/")}
	for _, tc := range []struct {
		policy          AccessPolicy
		options, source string
		rule            string // that refuses it; "" for none
	}{
		{AccessPolicy{}, "w:10/bl:2", "/a.png", ""},
		{AccessPolicy{Sources: open}, "w:10", "/open/a.png", ""},
		{AccessPolicy{Sources: open}, "w:10", "/a.png", "(sources)"},
		{AccessPolicy{Sources: open}, "w:10", "/open/..%252Fa.png", "(sources)"},
		{AccessPolicy{Sources: []origin.SourceRule{}}, "w:10", "/open/a.png", "(sources)"},
		{AccessPolicy{Scope: signedurl.Scope{Options: []string{"w"}}}, "w:10", "/a.png", ""},
		{AccessPolicy{Scope: signedurl.Scope{Options: []string{"w"}}}, "w:10/bl:1", "/a.png", "(options)"},
		{AccessPolicy{Scope: signedurl.Scope{Options: []string{"w"}}}, "w:10", "/a.png@webp", "(options)"},
		{AccessPolicy{Scope: signedurl.Scope{Presets: []string{"card"}}}, "pr:card", "/a.png", ""},
		{AccessPolicy{Scope: signedurl.Scope{Presets: []string{"card"}}}, "pr:big", "/a.png", "(presets)"},
		{AccessPolicy{MaxWidth: 100}, "w:100", "/a.png", ""},
		{AccessPolicy{MaxWidth: 100}, "w:51/dpr:2", "/a.png", "(max-width)"},
		{AccessPolicy{MaxWidth: 100}, "h:10", "/a.png", "(max-width)"},
		{AccessPolicy{MaxWidth: 100}, "w:100/raw:1", "/a.png", "(max-width)"},
		{AccessPolicy{MaxHeight: 100}, "w:10/h:101", "/a.png", "(max-height)"},
		{AccessPolicy{MaxSide: 100}, "h:100", "/a.png", ""},
		{AccessPolicy{MaxSide: 100}, "", "/a.png", "(max-side)"},
		{AccessPolicy{MaxSide: 100}, "w:90/h:101", "/a.png", "(max-side)"},
		{AccessPolicy{MaxPixels: 10000}, "w:100/h:100", "/a.png", ""},
		{AccessPolicy{MaxPixels: 9999}, "w:100/h:100", "/a.png", "(max-pixels)"},
		{AccessPolicy{MaxPixels: 10000}, "w:100", "/a.png", "(max-pixels)"},
		{AccessPolicy{MaxWidth: 60}, "pr:card", "/a.png", ""},
		{AccessPolicy{MaxWidth: 60}, "pr:big", "/a.png", "(max-width)"},
		{AccessPolicy{MaxWidth: 60}, "pick:60:90", "/a.png", ""},
		{AccessPolicy{MaxWidth: 60}, "pick:61:60", "/a.png", "(max-width)"},
		{AccessPolicy{Scope: signedurl.Scope{Options: []string{"w"}}}, "pick:10:20", "/a.png", "(options)"},
		{AccessPolicy{Expiry: true}, "w:10", "/a.png", "(expiry)"},
		{AccessPolicy{Expiry: true}, "w:10/" + at(time.Hour), "/a.png", ""},
		{AccessPolicy{MaxLifetime: time.Hour}, "w:10/" + at(time.Hour), "/a.png", ""},
		{AccessPolicy{MaxLifetime: time.Hour}, "w:10/" + at(time.Hour+time.Second), "/a.png", "(max-lifetime)"},
		{AccessPolicy{MaxLifetime: time.Hour}, "w:10", "/a.png", "(max-lifetime)"},
	} {
		r.reload(map[string]AccessPolicy{"shop": tc.policy})
		want, code := http.StatusOK, ""
		if tc.rule != "" {
			want, code = http.StatusForbidden, "key-policy: "
		}
		path := r.by("shop", tc.options, tc.source)
		plain, _ := r.must(r.by("", tc.options, tc.source)) // so that it is cached
		for range 2 {
			resp, body := r.must(path)
			if resp.StatusCode != want || plain.StatusCode != http.StatusOK ||
				code != "" && (!strings.HasPrefix(body, code) || strings.Contains(body, "cause")) {
				t.Errorf("%+v, %s%s: %d %.100q", tc.policy, tc.options, tc.source, resp.StatusCode, body)
			}
		}
		if _, err := r.server.readRequest(path); (err == nil) != (tc.rule == "") ||
			err != nil && !strings.HasSuffix(err.Error(), tc.rule) {
			t.Errorf("%+v, %s%s: %v, want %q", tc.policy, tc.options, tc.source, err, tc.rule)
		}
		if n := &r.server.targets; tc.rule == "" && len(n.newer.targets) < 2 {
			t.Errorf("%s%s is not known", tc.options, tc.source)
		}
	}
}

// A choice before the signature is held against the policy, and not the list that it is of.
func TestKeyPolicyOfAChoice(t *testing.T) {
	r := keyedRig(t, map[string]AccessPolicy{"shop": {MaxWidth: 60}}, nil)
	list := r.by("shop", "pick:60:90", "/a.png")
	plain := "/w:90" + r.by("", "pick:60:90", "/a.png")
	for _, tc := range []struct {
		path string
		want int
	}{{plain, 200}, {list, 200}, {"/w:60" + list, 200}, {"/w:90" + list, 403}, {"/w:90" + list, 403}} {
		if resp, body := r.must(tc.path); resp.StatusCode != tc.want {
			t.Errorf("%s: %d %.100q", tc.path, resp.StatusCode, body)
		}
	}
}

// What is cached, and what the table of known targets has, is refused from the next request on.
func TestReloadHoldsForWhatIsCached(t *testing.T) {
	r := keyedRig(t, map[string]AccessPolicy{"shop": {}, "blog": {}}, nil)
	shop, blog, plain := r.by("shop", "w:10", "/a.png"), r.by("blog", "w:10", "/a.png"), r.by("", "w:10", "/a.png")
	statuses := func() (all [3]int) {
		t.Helper()
		for i, path := range []string{shop, blog, plain} {
			for range 2 { // the second one by the table
				resp, body := r.must(path)
				if all[i] = resp.StatusCode; all[i] != http.StatusOK && resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %v %q", path, resp.Header, body)
				}
			}
		}
		return all
	}
	for _, step := range []struct {
		policies map[string]AccessPolicy
		want     [3]int
	}{
		{map[string]AccessPolicy{"shop": {}, "blog": {}}, [3]int{200, 200, 200}},
		{map[string]AccessPolicy{"shop": {Revoked: true}, "blog": {}}, [3]int{403, 200, 200}},
		{map[string]AccessPolicy{"shop": {}, "blog": {MaxWidth: 9}}, [3]int{200, 403, 200}},
		{map[string]AccessPolicy{"blog": {}}, [3]int{403, 200, 200}},
		{map[string]AccessPolicy{"shop": {}, "blog": {}}, [3]int{200, 200, 200}},
	} {
		r.reload(step.policies)
		if got := statuses(); got != step.want {
			t.Errorf("%+v: %v", step.policies, got)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
	before := r.server.cfg.inForce.Load()
	bad := keyedRules(t, map[string]AccessPolicy{"shop": {}})
	bad.AccessKeys = map[string]AccessPolicy{"none": {}}
	if err := r.server.Reload(bad, r.cfg.RuntimeConfig); err == nil || r.server.cfg.inForce.Load() != before {
		t.Error("rules that are wrong are in force: ", err)
	}
}

// Misses are limited and hits are not, by key, also over a reload.
func TestKeyRate(t *testing.T) {
	w := &watch{}
	policies := map[string]AccessPolicy{"shop": {MissesPerSecond: 0.5, MissBurst: 3}, "blog": {}}
	r := keyedRig(t, policies, timed(t, w, transform.PixelVersion))
	asked := 0
	miss := func(id string) *http.Response {
		asked++
		resp, _ := r.must(r.by(id, "w:10", fmt.Sprintf("/%d.png", asked)))
		return resp
	}
	for i := range 3 {
		if resp := miss("shop"); resp.StatusCode != http.StatusOK {
			t.Fatal(i, resp.Status)
		}
	}
	r.reload(policies)
	limited := miss("shop")
	if after, err := strconv.Atoi(limited.Header.Get("Retry-After")); limited.StatusCode != 429 || err != nil ||
		after < 2 || after > 5 || limited.Header.Get("Cache-Control") != "no-store" {
		t.Error(limited.Status, limited.Header)
	}
	if fetched := r.asked.Load(); fetched != 3 {
		t.Errorf("%d fetches", fetched)
	}
	for range 100 {
		if resp, _ := r.must(r.by("shop", "w:10", "/1.png")); resp.StatusCode != http.StatusOK {
			t.Fatal("a hit is limited: ", resp.Status)
		}
	}
	for range 10 {
		if resp := miss("blog"); resp.StatusCode != http.StatusOK {
			t.Error("another key is limited: ", resp.Status)
		}
	}
	// What another key has made is a hit, and so is no miss.
	if resp, _ := r.must(r.by("shop", "w:10", fmt.Sprintf("/%d.png", asked))); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
	w.pass(2 * time.Second)
	if first, second := miss("shop"), miss("shop"); first.StatusCode != 200 || second.StatusCode != 429 {
		t.Error(first.Status, second.Status)
	}
	state := r.server.cfg.inForce.Load().keys["shop"].state
	if a, b, c := state.requests.Load(), state.refused.Load(), state.limited.Load(); a != 107 || b != 0 || c != 2 {
		t.Error(a, b, c)
	}
	scrape := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(scrape, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081/metrics", nil))
	for _, line := range []string{`pictor_key_requests_total{key="shop"} 107`, `pictor_key_refused_total{key="shop"} 0`,
		`pictor_key_limited_total{key="shop"} 2`, `pictor_key_requests_total{key="blog"} 10`} {
		if !strings.Contains(scrape.Body.String(), line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// A fill that the rate of its key does not allow is made for a key that may.
func TestRateOfOneKeyIsNotThatOfAnother(t *testing.T) {
	r := keyedRig(t, map[string]AccessPolicy{"shop": {MissesPerSecond: 1e-9, MissBurst: 1}, "blog": {}}, nil)
	if resp, body := r.must(r.by("shop", "w:10", "/first.png")); resp.StatusCode != http.StatusOK {
		t.Fatal(body)
	}
	const clients = 40
	results := make(chan error, clients)
	for i := range clients {
		id, want := "blog", http.StatusOK
		if i%2 == 0 {
			id = "shop"
		}
		path := r.by(id, "w:10", "/a.png")
		go func() {
			resp, body, err := r.get(context.Background(), path)
			if err == nil && resp.StatusCode != want &&
				(id == "blog" || resp.StatusCode != http.StatusTooManyRequests) {
				err = fmt.Errorf("%s: %d %q", id, resp.StatusCode, body)
			}
			results <- err
		}()
	}
	for range clients {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
