package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy"
)

// A server that is told to end gives its directories to the one that waits for them, though a client of it reads yet:
// the next one has what was on disk and in memory, and its purges hold.
func TestDirectoriesAreHandedOver(t *testing.T) {
	site, dir := newSite(t), t.TempDir()
	small := site.put("/photo.jpg", photo(60, 40))
	large := append(photo(600, 400), make([]byte, 40<<20)...) // more than sockets and the memory cache hold
	largePath := signed(t, "/raw:1/plain/"+site.put("/large.jpg", large))
	paths := make([]string, 20)
	for i := range paths {
		paths[i] = signed(t, fmt.Sprintf("/w:%d/ct:tag%d/plain/%s", 20+i, i, small))
	}
	first := serveLocal(t, storedIn(dir)...)
	for range 2 {
		for _, path := range paths {
			first.get(path)
		}
	}
	waitFor(t, "a hit on disk", func() bool {
		return strings.HasSuffix(first.get(largePath).header.Get("Cache-Status"), "detail=disk")
	})
	reading, err := client.Get(first.url + largePath)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Body.Close()
	if err := first.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}

	second := serveLocal(t, storedIn(dir)...)
	select {
	case <-first.done:
		t.Fatalf("the first server did not wait for its client: %s", first.logged())
	default:
	}
	if log := second.logged(); !strings.Contains(log, "waiting for it") || strings.Contains(log, "running without") {
		t.Errorf("the second server: %s", log)
	}
	waitFor(t, "a warm server", func() bool { return strings.Contains(second.logged(), "memory cache is warm") })
	for _, path := range paths {
		if got := second.detail(path); got != "detail=memory" {
			t.Errorf("what was in memory is now: %s", got)
		}
	}
	if got := second.detail(largePath); got != "detail=disk" {
		t.Errorf("what was on disk is now: %s", got)
	}
	_, status, err := second.purgeAt(proxy.PurgeRequest{Sources: []string{small}})
	if status != http.StatusOK || err != nil {
		t.Errorf("a purge: %d, %v", status, err)
	}
	if _, status, _ := first.purgeAt(proxy.PurgeRequest{All: true}); status == http.StatusOK {
		t.Error("a server without a log purges")
	}
	body, err := io.ReadAll(reading.Body)
	if err != nil || !bytes.Equal(body, large) {
		t.Errorf("the client of the first server got %d bytes, %v", len(body), err)
	}
	<-first.done
	if code := first.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(first.logged(), "handed over") {
		t.Errorf("the first server ended with %d: %s", code, first.logged())
	}
	second.stop()

	third := serveLocal(t, storedIn(dir)...)
	if got := third.detail(paths[0]); got != "stored" {
		t.Errorf("after a purge at the second server: %s", got)
	}
}

// A server that waits for the directories of another one says so at its ports, by TLS at that of images: it lives, is
// not ready, and refuses images and scrapes. The other one goes on to serve. Once it has them it answers at the same
// ports.
func TestServerAnswersWhileItWaitsForDirectories(t *testing.T) {
	site, dir, at, adminAt := newSite(t), t.TempDir(), freeAddress(t), freeAddress(t)
	cert := newCertificate(t, t.TempDir(), "images.example", time.Now().Add(time.Hour))
	path := signed(t, "/w:30/plain/"+site.put("/photo.jpg", photo(60, 40)))
	first := serveLocal(t, storedIn(dir)...)
	first.get(path)
	started := make(chan *server, 1)
	go func() {
		started <- serveLocal(t, append(storedIn(dir), "--listen", at, "--admin-listen", adminAt,
			"--directory-wait", "1m", "--tls-cert", cert.cert, "--tls-key", cert.key)...)
	}()
	second, admin := &server{t: t, url: "https://" + at}, &server{t: t, url: "http://" + adminAt}
	waitFor(t, "an answer of the server that waits", func() bool {
		return second.attempt("/health/live").status == http.StatusOK
	})
	waitFor(t, "an answer of its admin port", func() bool {
		return admin.attempt("/health/live").status == http.StatusOK
	})
	for target, ask := range map[string]func(path string) answer{
		"/health/ready": func(path string) answer { return second.get(path) },
		path: func(path string) answer {
			a, err := second.over(http2Client(t, nil), http.MethodGet, path, nil)
			if err != nil {
				t.Error(err)
			}
			return a
		},
		"/health/ready?": func(path string) answer { return admin.get(path) },
		"/metrics":       func(path string) answer { return admin.get(path) },
	} {
		a := ask(target)
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" ||
			!strings.Contains(string(a.body), "starting") {
			t.Errorf("%s: %v", target, a)
		}
	}
	if a := first.get(path); a.status != http.StatusOK {
		t.Errorf("the server that has the directories: %v", a)
	}
	first.stop()
	select {
	case second = <-started:
	case <-time.After(patience):
		t.Fatal("the second server does not start")
	}
	if second.url != "https://"+at || second.admin != "http://"+adminAt {
		t.Errorf("it listens at %s and %s", second.url, second.admin)
	}
	if a := admin.get("/health/ready"); a.status != http.StatusOK || !strings.Contains(second.metrics(), "pictor_") {
		t.Errorf("readiness at the admin port: %v", a)
	}
	waitFor(t, "the image of the server that waited", func() bool {
		return second.attempt(path).status == http.StatusOK
	})
}
