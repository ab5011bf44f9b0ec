package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// errorLog is a log in JSON that can be read while it is written.
type errorLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *errorLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lines are those with a message, decoded.
func (l *errorLog) lines(t *testing.T, msg string) (out []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if m["msg"] == msg {
			out = append(out, m)
		}
	}
	return out
}

// logged makes a rig's server write into a log from a level on.
func logged(l *errorLog, level slog.Level, w *watch) func(*Config) {
	return func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: level}))
		c.Now = w.now
	}
}

const failed = "request failed"

// What docs/errors.md promises: the id that a client sees is in the log, with
// the cause.
func TestErrorsAreLoggedWithTheirRequestID(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelInfo, &watch{}))
	r.painter.fail = func(context.Context) error { return errors.New("the cause") }
	wrong := strings.Replace(r.path("w:1"), "w:1", "w:2", 1)
	for _, tc := range []struct {
		method, path, level, code string
		status                    float64
		cause                     string
	}{
		{"GET", wrong, "INFO", "wrong-signature", 403, "wrong signature"},
		{"HEAD", wrong, "INFO", "wrong-signature", 403, "wrong signature"},
		{"POST", wrong, "INFO", "method-not-allowed", 405, "use GET or HEAD"},
		{"GET", r.path("wat:1"), "INFO", "unknown-option", 404, "wat"},
		{"GET", r.path("w:100"), "ERROR", "internal", 500, "the cause"},
	} {
		id := fmt.Sprintf("%s-%s-%v", tc.method, tc.code, tc.status)
		req, err := http.NewRequest(tc.method, r.URL+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", id)
		resp, err := r.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		all := l.lines(t, failed)
		got := all[len(all)-1]
		if cause, _ := got["err"].(string); !strings.Contains(cause, tc.cause) {
			t.Errorf("%s: %v", id, got)
		}
		delete(got, "err")
		delete(got, "time")
		want := map[string]any{"msg": failed, "level": tc.level, "request": id,
			"code": tc.code, "status": tc.status, "target": "/-" + tc.path[strings.Index(tc.path[1:], "/")+1:]}
		if !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestAFloodOfErrorsDoesNotFloodTheLog(t *testing.T) {
	var l errorLog
	var w watch
	r := newRig(t, logged(&l, slog.LevelInfo, &w))
	wrong := strings.Replace(r.path("w:1"), "w:1", "w:2", 1)
	flood := func(n int) {
		for range n {
			if resp := r.first(wrong); resp.StatusCode != 403 {
				t.Fatal(resp.StatusCode)
			}
		}
	}
	flood(50)
	if n := len(l.lines(t, failed)); n != 10 {
		t.Errorf("%d lines of 50 errors", n)
	}
	r.first(r.path("wat:1")) // another code has lines of its own
	first := l.lines(t, failed)
	if len(first) != 11 || first[10]["code"] != "unknown-option" || first[10]["suppressed"] != nil {
		t.Errorf("%v", first[10:])
	}
	w.pass(3 * time.Second)
	flood(20)
	all := l.lines(t, failed)
	if len(all) != 14 || all[11]["suppressed"] != 40.0 || all[12]["suppressed"] != nil {
		t.Errorf("%v", all[11:])
	}
	w.pass(-time.Hour)
	flood(1)
	w.pass(time.Second)
	flood(1)
	if all = l.lines(t, failed); len(all) != 15 || all[14]["suppressed"] != 18.0 {
		t.Errorf("after the clock was set back: %v", all[14:])
	}
}

func TestServerErrorsAreSampledOnlyInAFlood(t *testing.T) {
	var w watch
	s := newLogSampler(w.now)
	written := func(n int) (lines, suppressed int) {
		for range n {
			if left, ok := s.allowLine("shed", serverErrorRate); ok {
				lines, suppressed = lines+1, suppressed+left
			}
		}
		return lines, suppressed
	}
	if n, _ := written(100); n != 100 {
		t.Errorf("%d lines of 100", n)
	}
	if n, _ := written(1000); n != 0 {
		t.Errorf("%d lines more of a flood", n)
	}
	w.pass(time.Second)
	if n, left := written(1000); n != 20 || left != 1000 {
		t.Errorf("%d lines a second later, which tell of %d", n, left)
	}
	w.pass(time.Hour)
	if n, left := written(1000); n != 100 || left != 980 {
		t.Errorf("%d lines an hour later, which tell of %d", n, left)
	}
}

func TestAtDebugLevelEveryErrorIsLogged(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelDebug, &watch{}))
	for range 50 {
		r.first("/nothing")
	}
	if n := len(l.lines(t, failed)); n != 50 {
		t.Errorf("%d lines of 50 errors", n)
	}
}

// Whatever a client sends is one line, of bounded length.
func TestLinesOfErrorsAreBounded(t *testing.T) {
	var text bytes.Buffer
	r := newRig(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&text, nil)) })
	long := strings.Repeat("ä", 5000)
	for _, target := range []string{"/" + long, "/x/wat:1/" + long, "/x/a\nlevel=ERROR", "/x/\x1b[31m"} {
		text.Reset()
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.RequestURI = target
		req.URL.Path = "/x/y"
		req.Header.Set("X-Request-Id", "a\nlevel=ERROR")
		r.server.ServeHTTP(httptest.NewRecorder(), req)
		line := text.String()
		if strings.Count(line, "\n") != 1 || strings.Contains(line, "\x1b") || len(line) > 4000 {
			t.Errorf("%.20q…: %q", target, line)
		}
	}
}

func TestRefusedClientsAreLogged(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelInfo, &watch{}))
	id := r.server.refusalID()
	got := l.lines(t, "client refused: too many connections")
	if len(got) != 1 || !isRequestID(id) || got[0]["request"] != id ||
		got[0]["code"] != "shed" || got[0]["level"] != "WARN" {
		t.Errorf("%v", got)
	}
}
