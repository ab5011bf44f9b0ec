package proxy

import (
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// tenants is a rig before an origin that has another picture for each tenant, 10, 20 or 30 pixels wide, and passes
// these headers on.
func tenants(t *testing.T, header string, pass ...string) (r *hitRig, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=60")
		w.Write(gray(map[string]int{"": 10, "a": 20, "b": 30}[req.Header.Get(header)], 10))
	}))
	t.Cleanup(site.Close)
	rule, err := origin.ParseSourceRule(site.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	r = newHitRig(t, func(c *Config) {
		c.AutoFormats = nil
		c.CDN, _ = ParseCDN("cloudflare")
		c.Origin, err = origin.New(origin.Config{AllowNetworks: loopback, Timeout: slow,
			Origins: []origin.Settings{{Name: "tenants", Sources: []origin.SourceRule{rule}, Pass: pass}}})
		if err != nil {
			t.Fatal(err)
		}
	})
	r.elsewhere = site.URL
	return r, asked
}

// ask asks by the front door, and gives the width of the picture.
func (r *hitRig) ask(path, header, value string) (http.Header, int) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+r.front.address.String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if value != "" {
		req.Header.Set(header, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	c, err := png.DecodeConfig(resp.Body)
	if err != nil {
		r.t.Errorf("%d: %v", resp.StatusCode, err)
	}
	return resp.Header, c.Width
}

// Each tenant gets the tenant's own picture, on a miss, a hit and the short way, and after a purge of the URL
// nobody gets an old one.
func TestPassedHeadersArePartOfTheKey(t *testing.T) {
	r, asked := tenants(t, "X-Tenant", "X-Tenant", "Accept-Language")
	path := r.path("w:0")
	widths := map[string]int{"": 10, "a": 20, "b": 30}
	for round := range 3 {
		for tenant, want := range widths {
			h, width := r.ask(path, "X-Tenant", tenant)
			hit := strings.HasPrefix(h.Get("Cache-Status"), "pictor; hit")
			if width != want || h.Get("Vary") != "X-Tenant, Accept-Language" || hit != (round > 0) ||
				h.Get("Cdn-Cache-Control") == "no-store" || !strings.HasPrefix(h.Get("Cache-Control"), "public") {
				t.Errorf("round %d, tenant %q: %d wide, %v", round, tenant, width, h)
			}
		}
	}
	for tenant, want := range widths {
		before := r.short.Load()
		r.until("a hit the short way", func() bool {
			if _, width := r.ask(path, "X-Tenant", tenant); width != want {
				t.Fatalf("tenant %q: %d wide", tenant, width)
			}
			return r.short.Load() > before
		})
	}
	if asked.Load() != 3 {
		t.Errorf("%d fetches", asked.Load())
	}
	r.purge(PurgeRequest{URLs: []string{path}})
	for tenant, want := range widths {
		h, width := r.ask(path, "X-Tenant", tenant)
		if width != want || strings.HasPrefix(h.Get("Cache-Status"), "pictor; hit") {
			t.Errorf("after a purge, tenant %q: %d wide, %s", tenant, width, h.Get("Cache-Status"))
		}
	}
	if asked.Load() != 6 {
		t.Errorf("%d fetches", asked.Load())
	}
}

// What may be for one client alone stays out of shared caches, which need not look at Vary.
func TestPassedCredentials(t *testing.T) {
	for _, name := range []string{"Authorization", "Cookie"} {
		r, asked := tenants(t, name, name)
		for round, value := range []string{"a", "b", "", "a", "b", ""} {
			h, width := r.ask(r.path("w:0"), name, value)
			if want := []int{20, 30, 10}[round%3]; width != want || h.Get("Vary") != name ||
				!strings.HasPrefix(h.Get("Cache-Control"), "private, max-age=") ||
				h.Get("Cdn-Cache-Control") != "no-store" {
				t.Errorf("%s %q: %d wide, %v", name, value, width, h)
			}
		}
		if asked.Load() != 3 {
			t.Errorf("%d fetches", asked.Load())
		}
	}
}

// A header that is not named is neither passed on nor part of a key.
func TestOtherHeadersStayHere(t *testing.T) {
	r, asked := tenants(t, "Authorization", "X-Tenant")
	for _, value := range []string{"a", "b", ""} {
		if _, width := r.ask(r.path("w:0"), "Authorization", value); width != 10 {
			t.Errorf("%q was passed on", value)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("%d fetches", asked.Load())
	}
	if _, width := r.ask(r.path("w:0"), "Cookie", "a"); width != 10 {
		t.Error("a cookie was passed on")
	}
}
