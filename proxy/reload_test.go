package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReloadOverTheAdminPort(t *testing.T) {
	reloads := 0
	var bad error
	r := newRig(t, func(c *Config) {
		c.ReloadSettings = func() (ReloadAnswer, error) {
			reloads++
			return ReloadAnswer{Changed: []string{"key"}, Restart: []string{}}, bad
		}
	})
	admin := httptest.NewServer(r.server.Admin("token"))
	defer admin.Close()
	ask := func(method, token string) (status int, body string) {
		t.Helper()
		req, err := http.NewRequest(method, admin.URL+"/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := admin.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.Header.Get("Cache-Control") != "no-store" {
			t.Error(resp.Header, err)
		}
		return resp.StatusCode, string(b)
	}
	status, body := ask("POST", "token")
	if status != 200 || body != `{"changed":["key"],"restart":[]}`+"\n" || reloads != 1 {
		t.Error(status, body, reloads)
	}
	for _, c := range []struct {
		method, token string
		status        int
	}{{"GET", "token", 405}, {"POST", "wrong", 401}} {
		if status, body := ask(c.method, c.token); status != c.status || reloads != 1 {
			t.Error(c, status, body, reloads)
		}
	}
	bad = errors.New("line 3: ttl: no duration")
	if status, body := ask("POST", "token"); status != 422 || !strings.HasPrefix(body, "bad-settings: ") ||
		!strings.Contains(body, "line 3: ttl: no duration") {
		t.Error(status, body)
	}
}

// What was off at the start is on after a reload, and the other way round.
func TestReloadTurnsUploadsOnAndOff(t *testing.T) {
	r := newRig(t, nil)
	for _, most := range []int64{0, 1 << 20, 0} {
		set := r.cfg.RuntimeConfig
		set.MaxUpload = most
		if err := r.server.Reload(r.cfg.Rules, set); err != nil {
			t.Fatal(err)
		}
		resp, err := r.Client().Post(r.URL+"/transform/x/w:9/upload", "image/png", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := map[bool]int{true: http.StatusForbidden, false: http.StatusMethodNotAllowed}[most > 0]
		if resp.StatusCode != want {
			t.Errorf("with uploads of %d bytes: %d, want %d", most, resp.StatusCode, want)
		}
	}
}
