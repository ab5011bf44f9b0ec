package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// startSlow asks for an AVIF of the given width, which takes seconds, and
// returns when a worker is in the middle of it, with the answer to come.
func startSlow(t *testing.T, s *server, site *site, width int) (worker int, result chan answer) {
	t.Helper()
	long(t, "a job that takes seconds, and kills")
	src := site.put("/slow.jpg", photo(2725, 2225))
	warm := s.get(signed(t, "/w:50/plain/"+site.put("/warm.jpg", photo(60, 40))))
	if warm.status != http.StatusOK {
		t.Fatal(warm)
	}
	pids := s.workers()
	if len(pids) != 1 {
		t.Fatalf("workers %v", pids)
	}
	before := cpuTime(t, pids[0])
	result = make(chan answer, 1)
	path := signed(t, fmt.Sprintf("/w:%d/el:1/q:95/plain/%s@avif", width, src))
	go func() {
		a, err := s.try(http.MethodGet, path)
		if err != nil {
			a = answer{status: -1, body: []byte(err.Error())}
		}
		result <- a
	}()
	waitFor(t, "the encode to begin", func() bool { return cpuTime(t, pids[0])-before > 300*time.Millisecond })
	return pids[0], result
}

func TestKilledWorkerIsReplacedAndItsJobRetried(t *testing.T) {
	site, s := newSite(t), serveLocal(t, "--workers", "1")
	pid, result := startSlow(t, s, site, 2600)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	a := <-result
	if a.status != http.StatusOK {
		t.Fatal(a)
	}
	if info, err := transform.Sniff(a.body); err != nil || info.Format != transform.AVIF || info.Width != 2600 {
		t.Errorf("%+v, %v", info, err)
	}
	if n := strings.Count(s.logged(), "trying once more"); n != 1 {
		t.Errorf("retried %d times", n)
	}
	if pids := s.workers(); len(pids) != 1 || pids[0] == pid {
		t.Errorf("workers %v, killed %d", pids, pid)
	}
}

func TestWorkerKilledForItsDeadlineIsNotRetried(t *testing.T) {
	site, s := newSite(t), serveLocal(t, "--workers", "1", "--request-timeout", "4s", "--fetch-timeout", "4s")
	_, result := startSlow(t, s, site, 8000)
	if a := <-result; a.status != http.StatusGatewayTimeout {
		t.Error(a)
	}
	if strings.Contains(s.logged(), "trying once more") {
		t.Error("it was retried")
	}
	waitFor(t, "the worker to be gone", func() bool { return len(s.workers()) == 0 })
}

func TestKilledServerLeavesNoWorker(t *testing.T) {
	site, s := newSite(t), serveLocal(t, "--workers", "2")
	startSlow(t, s, site, 2600)
	pids := s.workers()
	s.cmd.Process.Kill()
	<-s.done
	waitFor(t, "the worker to be gone", func() bool {
		for _, pid := range pids {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			// A dead one may wait for its new parent to collect it.
			if err == nil && !bytes.Contains(b, []byte(") Z ")) {
				return false
			}
		}
		return len(pids) > 0
	})
}

func TestSIGTERMDrains(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	_, result := startSlow(t, s, site, 2600)
	s.cmd.Process.Signal(syscall.SIGTERM)
	if a := <-result; a.status != http.StatusOK {
		t.Errorf("the request under way: %v", a)
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
