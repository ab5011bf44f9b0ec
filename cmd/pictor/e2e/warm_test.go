package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// warmCommand is pictor warm with a list on standard input.
func warmCommand(s *server, list string, args ...string) (cmd *exec.Cmd, out, errs *bytes.Buffer) {
	cmd = exec.Command(program, append([]string{"warm", "--admin-listen", strings.TrimPrefix(s.admin, "http://")},
		args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.t.TempDir()}
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(list), out, errs
	return cmd, out, errs
}

func (s *server) wantHit(path, accept string) {
	s.t.Helper()
	a := s.get(path, "Accept", accept)
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Cache-Status"), "pictor; hit") {
		s.t.Errorf("%s for %s: %v", path, accept, a)
	}
}

// A list, and a source in widths, are warmed: each request is a hit then, whatever it accepts.
func TestWarmMakesHits(t *testing.T) {
	site := newSite(t)
	env := []string{"PICTOR_KEY=" + keyHex, "PICTOR_SALT=" + saltHex}
	s := serve(t, append([]string{"--allow-networks", "127.0.0.0/8", "--auto-formats", "webp"}, keys...)...)
	var list strings.Builder
	var paths []string
	for i := range 3 {
		src := site.put(fmt.Sprintf("/%d.jpg", i), photo(200+i, 100))
		out, stderr, code := pictor(t, env, "sign", src, "w:100")
		if code != 0 {
			t.Fatal(stderr)
		}
		path := strings.TrimSpace(out)
		paths = append(paths, path)
		fmt.Fprintf(&list, "# the next one\nhttps://img.example.com%s\n\n", path)
	}
	const browser, other = "image/avif,image/webp,*/*;q=0.8", "*/*"
	cmd, out, errs := warmCommand(s, list.String(), "-")
	if err := cmd.Run(); err != nil || errs.Len() > 0 || strings.Count(out.String(), "\nwarmed ") != 5 {
		t.Fatalf("%v %s %s", err, out, errs)
	}
	for i, path := range paths {
		s.wantHit(path, browser)
		s.wantHit(path, other)
		if n := site.count(fmt.Sprintf("/%d.jpg", i)); n != 1 {
			t.Errorf("source %d was fetched %d times", i, n)
		}
	}

	src := site.put("/page.jpg", photo(800, 600))
	ofPage := []string{"--source", src, "--widths", "160,320", "--formats", "jpg,webp", "--options", "q:60"}
	cmd, out, errs = warmCommand(s, "", append(ofPage, "--json")...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v %s %s", err, out, errs)
	}
	var lines []proxy.WarmLine
	for dec := json.NewDecoder(out); dec.More(); {
		var l proxy.WarmLine
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 5 || lines[4].Status != proxy.StatusDone || lines[4].Warmed != 4 || lines[4].Bytes == 0 {
		t.Fatalf("%+v", lines)
	}
	for _, l := range lines[:4] {
		s.wantHit(l.URL, browser)
	}
	signed, _, _ := pictor(t, env, "sign", "--plain", src, "q:60", "w:320", "f:webp")
	s.wantHit(strings.TrimSpace(signed), other)

	// After a purge all is made again, and the next time nothing is.
	if _, stderr, code := pictor(t, nil, "purge", "--source", src, "--admin-listen",
		strings.TrimPrefix(s.admin, "http://")); code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"4 warmed (", "4 already, 0 failed"} {
		cmd, out, errs = warmCommand(s, "", ofPage...)
		if err := cmd.Run(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v %s %s, want %q", err, out, errs, want)
		}
	}
}

// A list longer than one request to the server, of which some fail: they are told, and the
// others are made.
func TestWarmTellsWhatFailed(t *testing.T) {
	site := newSite(t)
	src := site.put("/a.jpg", photo(60, 40))
	s := serve(t, "--insecure", "--allow-networks", "127.0.0.0/8")
	list := strings.Repeat("/insecure/wat:1/plain/"+src+"\n", 600) + "/insecure/w:30/plain/" + src +
		"\n/insecure/w:30/plain/" + site.URL + "/none.jpg\n"
	cmd, out, errs := warmCommand(s, list, "--list", "-")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"unknown-option: ", "none.jpg: source-not-found: The source does not exist.",
		"601 of 602 images could not be warmed"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in %.500s", want, errs)
		}
	}
	if !strings.Contains(out.String(), "1 warmed (") {
		t.Errorf("%s", out)
	}
	s.wantHit("/insecure/w:30/plain/"+src, "*/*")
}

// Ctrl-C ends the command, and with it what the server does for it.
func TestWarmIsInterrupted(t *testing.T) {
	site := newSite(t)
	src := site.put("/a.jpg", photo(60, 40))
	asked, release := make(chan struct{}), make(chan struct{})
	site.hold = func(string) { close(asked); <-release }
	s := serve(t, "--insecure", "--allow-networks", "127.0.0.0/8")
	cmd, out, errs := warmCommand(s, "", "--source", src, "--widths", "10,20,30")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(errs.String(), "interrupted") ||
		!strings.Contains(out.String(), "0 warmed") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	waitFor(t, "the server stops", func() bool { return strings.Contains(s.logged(), "warming has ended") })
	close(release)
	if n := site.count("/a.jpg"); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// What pictor warm says when it gets no good answer.
func TestWarmWithoutAGoodAnswer(t *testing.T) {
	release := make(chan struct{})
	for what, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"nobody there": {nil, "cannot reach the server at "},
		"too slow":     {func(http.ResponseWriter) { <-release }, "--timeout 200ms is over"},
		"breaks off": {func(w http.ResponseWriter) { fmt.Fprintln(w, `{"url":"/a","status":"warmed"}`) },
			"it ends before all was done"},
		"hangs up":       {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "no valid response"},
		"something else": {func(w http.ResponseWriter) { w.Write([]byte("<html>")) }, "invalid character"},
		"a refusal":      {func(w http.ResponseWriter) { http.Error(w, "shed: Not now.", 503) }, "pictor: shed: Not now."},
		"a shutdown": {func(w http.ResponseWriter) {
			fmt.Fprintln(w, `{"status":"stopped","error":"The server is shutting down.","left":1}`)
		}, "1 URLs are left: The server is shutting down."},
	} {
		at := freeAddress(t)
		if tc.answer != nil {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tc.answer(w) }))
			defer s.Close()
			at = s.Listener.Addr().String()
		}
		timeout := patience.String()
		if what == "too slow" {
			timeout = "200ms"
		}
		out, errs, code := pictor(t, nil, "warm", "/a", "--admin-listen", at, "--timeout", timeout)
		if code != 1 || !strings.Contains(errs, tc.want) || !strings.Contains(out, " failed\n") {
			t.Errorf("%s: %d %q %q, want %q", what, code, out, errs, tc.want)
		}
	}
	close(release)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"url":"/a","status":"warmed"}`)
		if r.Header.Get("Authorization") == "Bearer secret" {
			fmt.Fprintln(w, `{"status":"done","warmed":1}`)
		}
	}))
	defer s.Close()
	out, errs, code := pictor(t, []string{"PICTOR_ADMIN_TOKEN=secret"}, "warm", "/a", "--admin-listen",
		s.Listener.Addr().String())
	if code != 0 || !strings.Contains(out, "1 warmed (") {
		t.Errorf("with the token: %d %s %s", code, out, errs)
	}
	for _, args := range [][]string{{}, {"--widths", "10"}, {"/a", "--options", "q:1"}} {
		if _, errs, code := pictor(t, nil, append([]string{"warm"}, args...)...); code != 2 {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
}
