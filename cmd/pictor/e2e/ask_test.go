package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// What pictor purge says when it gets no good answer: whether it may have been
// applied, and why it does not know.
func TestPurgeWithoutAGoodAnswer(t *testing.T) {
	gone := freeAddress(t)
	release := make(chan struct{})
	const unsure = "may have been purged all the same"
	for what, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		want   []string
		not    string
	}{
		"nobody there":     {nil, []string{"cannot reach the server at " + gone, "refused"}, unsure},
		"too slow":         {func(http.ResponseWriter) { <-release }, []string{unsure, "Timeout"}, "cannot reach"},
		"hangs up":         {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, []string{unsure, "EOF"}, "cannot reach"},
		"breaks off":       {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9"); w.Write([]byte("{")) }, []string{unsure, "unexpected EOF"}, "cannot reach"},
		"an endless one":   {func(w http.ResponseWriter) { w.Write(make([]byte, 16<<20+1)) }, []string{unsure, "larger than 16 MiB"}, "JSON"},
		"something else":   {func(w http.ResponseWriter) { w.Write([]byte("<html>")) }, []string{unsure, "invalid character"}, "cannot reach"},
		"a refusal":        {func(w http.ResponseWriter) { http.Error(w, "bad-argument: No.", 400) }, []string{"bad-argument: No."}, unsure},
		"a failure of its": {func(w http.ResponseWriter) { http.Error(w, "internal: Nothing was purged.", 500) }, []string{"internal: Nothing"}, unsure},
	} {
		at := gone
		if tc.answer != nil {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tc.answer(w) }))
			defer s.Close()
			at = s.Listener.Addr().String()
		}
		timeout := "20s"
		if what == "too slow" {
			timeout = "100ms"
		}
		out, errs, code := pictor(t, nil, "purge", "--tag", "a", "--admin-listen", at, "--timeout", timeout)
		for _, want := range tc.want {
			if code == 0 || out != "" || !strings.Contains(errs, want) {
				t.Errorf("%s: %d %q %q, want %q", what, code, out, errs, want)
			}
		}
		if strings.Contains(errs, tc.not) {
			t.Errorf("%s: %q", what, errs)
		}
	}
	close(release)
	if _, errs, code := pictor(t, nil, "purge", "--tag", "a", "--admin-listen", "8081"); code == 0 ||
		!strings.Contains(errs, "--admin-listen \"8081\" is not host:port") {
		t.Errorf("%d %q", code, errs)
	}
}

// The answer to a large purge is read to its end, and the log is named where its
// sequences begin.
func TestPurgePrintsItsAnswer(t *testing.T) {
	for seq, log := range map[uint64]bool{1: true, 2: false} {
		answer := proxy.PurgeAnswer{Sequence: seq, Log: "0f0f", Mode: "hard", Applied: "now"}
		for i := range 200_000 {
			answer.CDNTags = append(answer.CDNTags, fmt.Sprintf("tag-%d", i))
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			json.NewEncoder(w).Encode(answer)
		}))
		defer s.Close()
		out, errs, code := pictor(t, nil, "purge", "--tag", "a", "--admin-listen", s.Listener.Addr().String())
		if code != 0 || !strings.HasSuffix(out, " tag-199999\n") ||
			strings.Contains(out, ", the first one of log 0f0f, at now") != log {
			t.Errorf("%d %.200q %q", code, out, errs)
		}
	}
}
