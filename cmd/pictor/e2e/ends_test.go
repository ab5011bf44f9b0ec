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
	"github.com/pictor-proxy/pictor/transform/container"
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
	waitFor(t, "the encode to begin", func() bool {
		used, err := processCPU(pids[0])
		return err != nil || used-before > 300*time.Millisecond // a deadline may have been faster
	})
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
	if info, err := container.Sniff(a.body); err != nil || info.Format != transform.AVIF || info.Width != 2600 {
		t.Errorf("%+v, %v", info, err)
	}
	if n := strings.Count(s.logged(), "retrying once"); n != 1 {
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
	if strings.Contains(s.logged(), "retrying once") {
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
	lastLine(t, s, `level=INFO msg="shutdown complete" duration=`)
	if strings.Contains(s.logged(), "cut_off") {
		t.Error("a request is said to be cut off")
	}
}

// lastLine: the end of a server is the last thing that it says, and draining is
// what it said before.
func lastLine(t *testing.T, s *server, want string) {
	t.Helper()
	waitFor(t, "the last line", func() bool { return strings.Contains(s.logged(), "shutdown complete") })
	lines := strings.Split(strings.TrimSpace(s.logged()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, want) {
		t.Errorf("the last line is %s, want %s", last, want)
	}
	if !strings.Contains(s.logged(), `msg="shutting down: draining requests" at_most=`) {
		t.Errorf("draining is not told of in\n%s", s.logged())
	}
}

// A client that does not read what it asked for is cut off, and counted.
func TestSIGTERMTellsOfRequestsThatItCutsOff(t *testing.T) {
	long(t, "waits for the whole time of draining")
	t.Parallel()
	site, s := newSite(t), serveLocal(t, "--request-timeout", "4s", "--fetch-timeout", "4s")
	large := append(photo(600, 400), make([]byte, 40<<20)...) // more than sockets hold
	resp, err := client.Get(s.url + signed(t, "/raw:1/plain/"+site.put("/large.jpg", large)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
	if code := s.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	waitFor(t, "its error",
		func() bool { return strings.Contains(s.logged(), "requests that did not finish in 9s were cut off: 1") })
	if !strings.Contains(s.logged(), `level=WARN msg="shutdown complete" duration=`) ||
		!strings.Contains(s.logged(), " cut_off=1\n") {
		t.Error("it is not said")
	}
}
