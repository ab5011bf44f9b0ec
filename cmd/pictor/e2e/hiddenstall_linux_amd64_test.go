package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// While the state directory hangs a registration and a hidden source that is not in memory are a 503 in time. All
// other images are served, hidden ones in memory included.
func TestStateDirectoryThatHangs(t *testing.T) {
	t.Parallel()
	dir, site := t.TempDir(), newSite(t)
	source := site.put("/secret/a.jpg", photo(60, 40))
	state := filepath.Join(dir, "state")
	s, stall := serveStalled(t, "--key", keyHex, "--salt", saltHex, "--allow-networks", "127.0.0.0/8",
		"--cache-disk", "off", "--state-dir", state, "--max-hidden-sources", "10")
	hashes, err := s.register(source)
	if err != nil {
		t.Fatal(err)
	}
	known, other := signed(t, "/w:20/h/"+hashes[0]+".png"), signed(t, "/w:21/h/"+hashes[0]+".png")
	for range 5 { // the server knows the path a moment behind a response
		if a := s.get(known); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	stall.stall(state)
	defer s.cmd.Process.Kill() // which else waits for the directory
	registered := make(chan error, 1)
	go func() {
		_, err := s.register(source + "?2")
		registered <- err
	}()
	for range 20 { // more than may wait at once
		if a, err := s.try(http.MethodGet, known); err != nil || a.status != http.StatusOK {
			t.Errorf("in memory: %v, %v", a, err)
		}
		if a, err := s.try(http.MethodGet, signed(t, "/w:22/plain/"+source)); err != nil || a.status != http.StatusOK {
			t.Errorf("in the open: %v, %v", a, err)
		}
	}
	answers := make(chan answer, 40)
	for range cap(answers) {
		go func() {
			a, _ := s.try(http.MethodGet, other)
			answers <- a
		}()
	}
	for range cap(answers) {
		a := <-answers
		if a.status != http.StatusServiceUnavailable || !strings.HasPrefix(string(a.body), "hidden-unavailable: ") {
			t.Errorf("not in memory: %v", a)
		}
	}
	if err := <-registered; err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("registered: %v", err)
	}
	if stall.holds() == 0 {
		t.Error("nothing hung")
	}
	if a, err := s.try(http.MethodGet, signed(t, "/w:23/plain/"+source)); err != nil || a.status != http.StatusOK {
		t.Errorf("afterwards: %v, %v", a, err)
	}
}
