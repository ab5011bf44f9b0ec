package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func studioStub(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(name + " " + r.URL.Path))
	})
}

// The studio is for this machine alone, also where a name of another site leads here, and is nowhere without --dev.
func TestStudioIsForThisMachine(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Studio = studioStub("studio") })
	for host, want := range map[string]int{"127.0.0.1:8080": 200, "localhost": 200, "[::1]:8080": 200,
		"evil.example": 403, "127.0.0.1.evil.example:8080": 403, "": 403} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req := httptest.NewRequest(method, "/studio/api/sign", strings.NewReader("{}"))
			req.Host = host
			w := httptest.NewRecorder()
			r.server.ServeHTTP(w, req)
			if w.Code != want || (want == 200) != strings.HasPrefix(w.Body.String(), "studio ") {
				t.Errorf("%s of host %q: %d %s", method, host, w.Code, w.Body)
			}
		}
	}
	r = newRig(t, func(c *Config) { c.AdminStudio = studioStub("admin") })
	for _, path := range []string{"/studio/", "/studio/api/figures", "/studio/static/studio.js"} {
		if resp, body := r.must(path); resp.StatusCode < 400 || strings.Contains(body, "admin") {
			t.Errorf("%s without --dev: %d %s", path, resp.StatusCode, body)
		}
	}
}

// On the admin port the studio needs the token, as a bearer or as a password, and there is none without a token.
func TestStudioOfOperators(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AdminStudio = studioStub("admin") })
	ask := func(token, path string, change func(*http.Request)) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081"+path, nil)
		if change != nil {
			change(req)
		}
		w := httptest.NewRecorder()
		r.server.Admin(token).ServeHTTP(w, req)
		return w
	}
	basic := func(password string) func(*http.Request) {
		return func(req *http.Request) { req.SetBasicAuth("operator", password) }
	}
	if w := ask("", "/studio/", nil); w.Code != http.StatusNotFound {
		t.Errorf("without a token: %d", w.Code)
	}
	w := ask("secret", "/studio/", nil)
	if asks := strings.Join(w.Header()["Www-Authenticate"], " "); w.Code != 401 || !strings.Contains(asks, "Basic") {
		t.Errorf("%d %v", w.Code, asks)
	}
	if w := ask("secret", "/studio/live", basic("wrong")); w.Code != 401 {
		t.Errorf("a wrong password: %d", w.Code)
	}
	if w := ask("secret", "/studio/live", basic("secret")); w.Code != 200 || w.Body.String() != "admin /studio/live" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	bearer := func(req *http.Request) { req.Header.Set("Authorization", "Bearer secret") }
	if w := ask("secret", "/studio/api/figures", bearer); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// A password that a browser sends by itself must not do for what changes the server.
	if w := ask("secret", "/debug/memory", basic("secret")); w.Code != 401 {
		t.Errorf("a password for another path: %d", w.Code)
	}
}
