package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/transform"
)

// adminFailure is a request that the admin port refuses, and how.
type adminFailure struct {
	name, method, path, token string
	header                    []string
	status                    int
	code, allow               string
}

// request is the request.
func (f adminFailure) request() *http.Request {
	req := httptest.NewRequest(f.method, "http://127.0.0.1:8081"+f.path, nil)
	req.Header.Set("X-Request-Id", "the-id")
	for i := 0; i+1 < len(f.header); i += 2 {
		req.Header.Set(f.header[i], f.header[i+1])
		if f.header[i] == "Host" {
			req.Host = f.header[i+1]
		}
	}
	return req
}

// adminErrors are requests that the admin port refuses; "secret" is its token,
// where it has one.
var adminErrors = []adminFailure{
	{"no such path", "GET", "/nothing", "", nil, 404, "not-found", ""},
	{"no such path", "POST", "/nothing", "", nil, 404, "not-found", ""},
	{"below a path", "GET", "/metrics/", "", nil, 404, "not-found", ""},
	{"a path that is not clean", "GET", "//metrics", "", nil, 404, "not-found", ""},
	{"an image's path", "GET", "/x/w:10/plain/http://example.com/a.jpg", "", nil, 404, "not-found", ""},
	{"reading a purge", "GET", "/purge", "", nil, 405, "method-not-allowed", "POST"},
	{"reading a purge", "HEAD", "/purge", "", nil, 405, "method-not-allowed", "POST"},
	{"asking for methods", "OPTIONS", "/purge", "", nil, 405, "method-not-allowed", "POST"},
	{"reading a list to warm", "GET", "/warm", "", nil, 405, "method-not-allowed", "POST"},
	{"an unknown method", "POS", "/purge", "", nil, 405, "method-not-allowed", "POST"},
	{"before the token", "GET", "/purge", "secret", nil, 405, "method-not-allowed", "POST"},
	{"writing metrics", "POST", "/metrics", "", nil, 405, "method-not-allowed", "GET, HEAD"},
	{"writing memory", "PUT", "/debug/memory", "", nil, 405, "method-not-allowed", "GET, HEAD"},
	{"writing the index", "DELETE", "/", "", nil, 405, "method-not-allowed", "GET, HEAD"},
	{"a form", "GET", "/debug/memory?format=xml", "", nil, 400, "bad-argument", ""},
	{"no body", "POST", "/purge", "", []string{"Content-Type", "application/json"}, 400, "bad-argument", ""},
	{"no type", "POST", "/purge", "", nil, 415, "bad-argument", ""},
	{"no body to warm", "POST", "/warm", "", []string{"Content-Type", "application/json"}, 400, "bad-argument", ""},
	{"no type to warm", "POST", "/warm", "", nil, 415, "bad-argument", ""},
	{"deleting sources", "DELETE", "/sources", "", nil, 405, "method-not-allowed", "GET, HEAD, POST"},
	{"no token for sources", "POST", "/sources", "secret", nil, 401, "unauthorized", ""},
	{"no token to read sources", "GET", "/sources", "secret", nil, 401, "unauthorized", ""},
	{"sources from another site", "POST", "/sources", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-origin", ""},
	{"no token to warm", "POST", "/warm", "secret", nil, 401, "unauthorized", ""},
	{"warming from another site", "POST", "/warm", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-origin", ""},
	{"no token", "GET", "/debug/memory", "secret", nil, 401, "unauthorized", ""},
	{"no token", "POST", "/purge", "secret", nil, 401, "unauthorized", ""},
	{"another scheme", "GET", "/debug/memory", "secret", []string{"Authorization", "Basic secret"},
		401, "unauthorized", ""},
	{"a page of another site", "POST", "/purge", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-origin", ""},
	{"another name", "GET", "/debug/memory", "", []string{"Host", "evil.example"}, 403, "wrong-host", ""},
}

// Errors of the admin port have the form that all errors have.
func TestErrorsOfTheAdminPort(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelDebug, &watch{}))
	for _, tc := range adminErrors {
		w := httptest.NewRecorder()
		r.server.Admin(tc.token).ServeHTTP(w, tc.request())
		what := tc.name + ": " + tc.method + " " + tc.path
		h, body := w.Header(), w.Body.String()
		whole := strings.HasPrefix(body, tc.code+": ") && strings.HasSuffix(body, ". (request the-id)\n")
		if w.Code != tc.status || tc.method == "HEAD" && body != "" || tc.method != "HEAD" && !whole {
			t.Errorf("%s: %d %q", what, w.Code, body)
		}
		authenticate := map[int]string{401: "Bearer"}[tc.status]
		for name, want := range map[string]string{
			"Allow": tc.allow, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Content-Type": "text/plain; charset=utf-8", "Content-Security-Policy": "default-src 'none'",
			"WWW-Authenticate":            authenticate,
			"Access-Control-Allow-Origin": "", // pages of other sites must not read this port
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q", what, name, h.Get(name))
			}
		}
		lines := l.lines(t, failed)
		last := lines[len(lines)-1]
		if last["request"] != "the-id" || last["code"] != tc.code || last["level"] != "INFO" {
			t.Errorf("%s: %v", what, last)
		}
	}
	if n := r.cfg.Clock.Applied(); n != 0 {
		t.Errorf("%d purges", n)
	}
}

func TestTheAdminPortAnswers(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{"/", "/metrics", "/debug/memory", "/debug/memory?format=table"} {
		for _, method := range []string{"GET", "HEAD"} {
			w := httptest.NewRecorder()
			r.server.Admin("").ServeHTTP(w, httptest.NewRequest(method, "http://127.0.0.1:8081"+path, nil))
			if w.Code != 200 || w.Header().Get("Content-Type") == "" {
				t.Errorf("%s %s: %d %v", method, path, w.Code, w.Header())
			}
		}
	}
}

// Those who probe the admin port have no token, and hear what those of the image port do.
func TestAdminPortAnswersHealthChecks(t *testing.T) {
	ready := errors.New("starting: a test")
	r := newRig(t, func(c *Config) { c.Ready = func() error { return ready } })
	ask := func(path string) string {
		w := httptest.NewRecorder()
		r.server.Admin("secret").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://10.0.0.1:8081"+path, nil))
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, w.Header())
		}
		return fmt.Sprint(w.Code, " ", w.Body)
	}
	for path, want := range map[string]string{"/health": "200 ok\n", "/health/live": "200 ok\n",
		"/health/ready": "503 starting: a test\n"} {
		if got := ask(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	ready = nil
	if got := ask("/health/ready"); got != "200 ok\n" {
		t.Errorf("when it is ready: %q", got)
	}
}

func TestAPurgeThatCannotBeKeptIsAnError(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelInfo, &watch{}))
	if err := r.cfg.Clock.Close(); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8081/purge", strings.NewReader(`{"all": true}`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, req)
	lines := l.lines(t, failed)
	const text = "internal: The purge could not be written to the purge log"
	const cause = "purge failed, nothing was purged: "
	if w.Code != 500 || !strings.HasPrefix(w.Body.String(), text) || len(lines) != 1 {
		t.Fatalf("%d %q, %v", w.Code, w.Body, lines)
	}
	if got, _ := lines[0]["err"].(string); lines[0]["level"] != "ERROR" || !strings.HasPrefix(got, cause) {
		t.Errorf("%v", lines[0])
	}
}

// A purge that could come back is refused, and the response says what to do.
func TestAPurgeWithoutALogIsRefused(t *testing.T) {
	var l errorLog
	clock, err := purge.Open(purge.Config{RefusePurges: true})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) {
		c.Cache.Close()
		c.Clock = clock
		c.Cache, err = cache.New(cache.Config{MaxBytes: 16 << 20, Clock: clock, Pixels: transform.PixelVersion,
			Classify: ClassifyError})
		if err != nil {
			t.Fatal(err)
		}
		logged(&l, slog.LevelInfo, &watch{})(c)
	})
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8081/purge", strings.NewReader(`{"all": true}`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, req)
	if w.Code != 503 || !strings.HasPrefix(w.Body.String(), "purge-unavailable: ") ||
		!strings.Contains(w.Body.String(), "--state-dir") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if n := clock.Applied(); n != 0 {
		t.Errorf("%d purges", n)
	}
}

func TestScrapesAreBounded(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	h := limitConcurrency(1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}))
	ask := func() error { return h(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)) }
	first := make(chan error)
	go func() { first <- ask() }()
	<-entered
	r := newRig(t, nil)
	w := httptest.NewRecorder()
	r.server.writeAdminError(w, httptest.NewRequest(http.MethodGet, "/metrics", nil), ask())
	if w.Code != 503 || !strings.HasPrefix(w.Body.String(), "shed: ") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	release <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}
	go func() { <-entered; release <- struct{}{} }()
	if err := ask(); err != nil {
		t.Errorf("after it: %v", err)
	}
}
