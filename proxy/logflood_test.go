package proxy

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// floods are requests that any client can send, without or with a valid signature.
// n makes each one another.
var floods = []struct {
	name, code string
	path       func(r *rig, n int) string
	answer     func(http.ResponseWriter) // the origin's
}{
	{"no signature", "malformed-path", func(_ *rig, n int) string { return fmt.Sprint("/", n) }, nil},
	{"a wrong signature", "wrong-signature", func(r *rig, n int) string { return r.path(fmt.Sprint("w:", n)) + "x" }, nil},
	{"an unknown option", "unknown-option", func(r *rig, n int) string { return r.path(fmt.Sprint("wat:", n)) }, nil},
	{"a bad argument", "bad-argument", func(r *rig, n int) string { return r.path(fmt.Sprint("w:-", n+1)) }, nil},
	{"a refused address", "source-unreachable", func(_ *rig, n int) string { return signedFor(fmt.Sprintf("http://10.0.%d.%d/", n/200, n%200)) }, nil},
	{"a refused port", "source-unreachable", func(_ *rig, n int) string { return signedFor(fmt.Sprintf("http://[fd00::1]:%d/", n+1)) }, nil},
	{"one refused address", "source-unreachable", func(_ *rig, n int) string { return signedFor(fmt.Sprintf("http://10.0.0.1/%d", n)) }, nil},
	{"no server", "source-unreachable", func(_ *rig, n int) string { return signedFor(fmt.Sprintf("http://127.0.1.%d:1/", n)) }, nil},
	{"a source that is missing", "source-not-found", otherSource, func(w http.ResponseWriter) { w.WriteHeader(404) }},
	{"a source that is denied", "source-unreachable", otherSource, func(w http.ResponseWriter) { w.WriteHeader(403) }},
	{"an origin with an error", "source-unreachable", otherSource, func(w http.ResponseWriter) { w.WriteHeader(500) }},
	{"an origin that is down", "source-unreachable", otherSource, func(w http.ResponseWriter) { w.WriteHeader(503) }},
	{"a redirect to nowhere", "source-unreachable", otherSource, func(w http.ResponseWriter) {
		w.Header().Set("Location", "ftp://example.com/")
		w.WriteHeader(302)
	}},
	{"no image", "unsupported-type", otherSource, func(w http.ResponseWriter) { fmt.Fprint(w, "<!DOCTYPE html><html>") }},
	{"half an image", "truncated", otherSource, func(w http.ResponseWriter) { fmt.Fprint(w, "\x89PNG\r\n\x1a\n") }},
	{"a silent origin", "source-timeout", otherSource, silent},
}

// silent is an origin that takes longer than it may in a test of silence.
func silent(http.ResponseWriter) { time.Sleep(300 * time.Millisecond) }

func otherSource(r *rig, n int) string { return r.pathOf("w:10", fmt.Sprintf("/%d.png", n)) }

func signedFor(source string) string {
	path := "/w:10/plain/" + source
	return "/" + ring.Sign(path) + path
}

// Whatever a client asks for again and again, it gets ten lines at once.
func TestNoFloodOfRequestsFloodsTheLog(t *testing.T) {
	for _, tc := range floods {
		t.Run(tc.name, func(t *testing.T) {
			var l errorLog
			r := newRig(t, func(c *Config) {
				logged(&l, slog.LevelInfo, &watch{})(c)
				if tc.code == "source-timeout" {
					fetching(t, origin.Config{Timeout: time.Minute, FirstByte: 20 * time.Millisecond})(c)
				}
			})
			r.answers(tc.answer)
			for n := range 40 {
				if resp, body := r.must(tc.path(r, n)); !strings.HasPrefix(body, tc.code+": ") {
					t.Fatalf("%d %q", resp.StatusCode, body)
				}
			}
			if lines := len(l.lines(t, failed)); lines != 10 || len(l.text.String()) > 10*2000 {
				t.Errorf("%d lines, %d bytes", lines, len(l.text.String()))
			}
		})
	}
}

// So it is on the admin port.
func TestNoFloodOfAdminRequestsFloodsTheLog(t *testing.T) {
	for _, tc := range adminErrors {
		var l errorLog
		r := newRig(t, logged(&l, slog.LevelInfo, &watch{}))
		admin := r.server.Admin(tc.token)
		for range 40 {
			admin.ServeHTTP(httptest.NewRecorder(), tc.request())
		}
		if lines := len(l.lines(t, failed)); lines < 10 || lines > 20 { // of one code or, by and by, of two
			t.Errorf("%s: %d lines", tc.name, lines)
		}
	}
}

// A flood of refused addresses does not hide a host that is down.
func TestRefusedAddressesHaveLinesOfTheirOwn(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelInfo, &watch{}))
	for n := range 40 {
		r.must(signedFor(fmt.Sprintf("http://10.0.0.%d/", n)))
	}
	r.answers(func(w http.ResponseWriter) { w.WriteHeader(503) })
	r.must(r.path("w:10"))
	lines := l.lines(t, failed)
	if last := lines[len(lines)-1]; len(lines) != 11 || last["detail"] != "503 Service Unavailable" {
		t.Errorf("%d lines, %v", len(lines), last)
	}
}
