package proxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// Whatever a request is, and however it ends, no line of either log has its signature, or what its source is signed
// with: those who read logs could ask for what they like, or for private sources.
func TestNoLineHasASignature(t *testing.T) {
	const hush = "X-Amz-Signature=hush"
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	gone := func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }
	away := func(w http.ResponseWriter) {
		w.Header().Set("Location", "http://127.0.0.1:1/b.png?"+hush)
		w.WriteHeader(http.StatusFound)
	}
	crash := func(context.Context) error { return transform.ErrCrashed }
	wrong := "/" + strings.Repeat("hush", 10) + "hus"
	for name, tc := range map[string]struct {
		// target is made of the site of the sources.
		target func(site string) string
		answer func(http.ResponseWriter)
		fail   func(context.Context) error
		status int
		// shows is what an operator finds a request that failed by; "" for nothing.
		shows string
	}{
		"a result":    {target: func(site string) string { return signedFor(site + "/a.png%3F" + hush) }, status: 200},
		"no source":   {func(site string) string { return signedFor(site + "/a.png%3F" + hush) }, gone, nil, 404, "/a.png"},
		"a redirect":  {func(site string) string { return signedFor(site + "/a.png%3F" + hush) }, away, nil, 502, "/a.png"},
		"a crash":     {func(site string) string { return signedFor(site + "/a.png%3F" + hush) }, nil, crash, 422, "/a.png"},
		"unreachable": {func(string) string { return signedFor("http://127.0.0.1:1/a.png%3F" + hush) }, nil, nil, 502, ":1/a"},
		"encoded":     {func(site string) string { return signedPath("/w:10/" + encoded(site+"/a.png?"+hush)) }, gone, nil, 404, "/a.png"},
		"bad option":  {func(site string) string { return signedPath("/wat:1/plain/" + site + "/a.png%3F" + hush) }, nil, nil, 404, "/-/wat:1/plain/"},
		"wrong":       {func(site string) string { return wrong + "/w:1/plain/" + site + "/a.png%3F" + hush }, nil, nil, 403, "/a.png"},
		"escaped":     {func(site string) string { return wrong + "/w:1/plain/http:%2F%2Fx.example%2Fa%3F" + hush }, nil, nil, 403, "x.example/a "},
		"twice":       {func(site string) string { return wrong + "/w:1/plain/http://x.example/a%253F" + hush }, nil, nil, 403, "x.example/a "},
		"credentials": {func(string) string { return wrong + "/w:1/plain/https://u:hush@x.example/a" }, nil, nil, 403, "/plain/- "},
		"wrong code":  {func(site string) string { return wrong + "/w:1/" + encoded(site+"/a.png?"+hush) }, nil, nil, 403, "/w:1/- "},
		"its place":   {func(site string) string { return "/w:1" + wrong + "/plain/" + site + "/a.png" }, nil, nil, 403, "target=/-/- "},
		"thumbor":     {func(site string) string { return "/thumbor/unsafe/10x10/" + site + "/a.png%3F" + hush }, gone, nil, 404, "/a.png"},
		"thumbor's":   {func(site string) string { return "/thumbor" + wrong + "/10x10/" + site + "/a.png%3F" + hush }, nil, nil, 403, "/thumbor/- "},
		"a mount":     {func(site string) string { return "/query?w=10&url=" + site + "/a.png%3F" + hush }, gone, nil, 410, "/a.png"},
		"a mount's":   {func(string) string { return "/query?w=x&key=hush" }, nil, nil, 400, "/query/- "},
		"a query":     {func(site string) string { return signedFor(site+"/a.png") + "?token=hush" }, gone, nil, 404, "/a.png"},
	} {
		var out, errors bytes.Buffer
		dialect, err := thumbor.New(thumbor.Config{Hash: "sha1", Unsafe: true})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, func(c *Config) {
			logTo(t, &out, RequestLog{})(c)
			c.Log = slog.New(slog.NewTextHandler(&errors, &slog.HandlerOptions{Level: slog.LevelDebug}))
			c.Thumbor, c.ThumborPath, c.Mounts = dialect, "/thumbor/", []Mount{queryMount()}
			c.Fallback = Fallback{Missing: "http://127.0.0.1:1/lost.png?" + hush}
		})
		if tc.answer != nil {
			r.answers(tc.answer)
		}
		r.painter.fail = tc.fail
		target := tc.target(r.site.URL)
		// The client of net/http would write some of these another way.
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		req.RequestURI = target
		req.URL.Path, req.URL.RawPath = "/x/y", ""
		r.server.ServeHTTP(w, req)
		if w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if err := r.cfg.RequestLog.Access.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if tc.shows != "" && !strings.Contains(errors.String(), tc.shows) {
			t.Errorf("%s: no %s in %s", name, tc.shows, &errors)
		}
		signature := strings.Split(target, "/")[1]
		for _, text := range []string{out.String(), errors.String()} {
			if strings.Contains(text, "hush") || len(signature) > 30 && strings.Contains(text, signature) ||
				strings.Contains(text, encoded("?X-Amz")[:6]) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

func signedPath(path string) string { return "/" + ring.Sign(path) + path }

// The admin port's errors say which of its paths they are of, and not what was asked for there.
func TestAdminErrorsAreLoggedByTheirPath(t *testing.T) {
	var errors bytes.Buffer
	r := newRig(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&errors, nil)) })
	req := httptest.NewRequest(http.MethodPut, "http://127.0.0.1/purge?url=hush", nil)
	r.server.Admin("").ServeHTTP(httptest.NewRecorder(), req)
	if text := errors.String(); !strings.Contains(text, "target=/purge ") || strings.Contains(text, "hush") {
		t.Error(text)
	}
}
