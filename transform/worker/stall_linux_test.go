package worker

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// A worker that was stopped while it was idle costs a job nothing but a moment:
// another worker takes it.
func TestIdleWorkerThatWasStopped(t *testing.T) {
	p := threeIdle(t, time.Hour)
	for _, w := range p.idle {
		if err := syscall.Kill(w.cmd.Process.Pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for stateOf(w.cmd.Process.Pid) != stopped {
			time.Sleep(time.Millisecond) // all of its threads are, in the end
		}
	}
	got, err := do(within(t, patience), p, newJob(t, "x", draw))
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if s := p.Stats(); s.Stalled != 3 || s.Started != 4 || s.Retried != 0 || s.Crashed != 0 || s.Killed != 0 {
		t.Errorf("%+v", s)
	}
}

// What decides whether a worker that has not begun is killed.
func TestStateOfAWorker(t *testing.T) {
	for name, tc := range map[string]struct {
		what   int
		signal syscall.Signal
		want   state
	}{
		"busy":    {burn, 0, running},
		"waiting": {hang, 0, waiting},
		"stopped": {burn, syscall.SIGSTOP, stopped},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 1)
			ended := make(chan error, 1)
			go func() {
				_, err := do(within(t, patience), p, newJob(t, "x", tc.what))
				ended <- err
			}()
			for {
				workers := p.Workers()
				if len(workers) == 1 && workers[0].Jobs == 1 {
					if tc.signal != 0 {
						syscall.Kill(workers[0].PID, tc.signal)
					}
					if stateOf(workers[0].PID) == tc.want {
						break
					}
				}
				select {
				case err := <-ended:
					t.Fatalf("the job ended: %v", err)
				case <-time.After(time.Millisecond):
				}
			}
			p.Close()
			<-ended
		})
	}
	for stat, want := range map[string]state{
		"1 (a) R 1": running, "1 (a) S 1": waiting, "1 (a) D 1": waiting, "1 (a) T 1": stopped, "1 (a) t 1": stopped,
		"1 (a) R) S 1": waiting, "1 (a": waiting, "": waiting, "1 (a)": waiting,
	} {
		if got := threadState([]byte(stat)); got != want {
			t.Errorf("%q: %d, want %d", stat, got, want)
		}
	}
}

// What a worker has started is killed with it.
func TestChildrenOfAWorkerAreKilled(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	file := t.TempDir() + "/pid"
	p := newPoolOf(t, Config{Size: 1, Sandbox: noSandbox(t)})
	if _, err := do(within(t, patience), p, newJob(t, sleep+" "+file, leaveChild)); !errors.Is(err,
		transform.ErrCrashed) {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + string(b) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return // gone, or nobody has reaped it yet
		}
		if time.Now().After(end) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("it still runs: %s", stat)
		}
	}
}

// poolThatDoesNotStart is one of two workers, and how many jobs failed before it said that none starts. They start
// once there is a file named good; each try writes a byte into starts.
func poolThatDoesNotStart(t *testing.T) (p *Pool, failed int, starts, good string) {
	t.Helper()
	dir := t.TempDir()
	starts, good = dir+"/starts", dir+"/good"
	script := `echo >> "$1"; [ -e "$2" ] && exec "$3" worker; exit 1`
	command := []string{"/bin/sh", "-c", script, "sh", starts, good, os.Args[0]}
	p = newPoolOf(t, Config{Size: 2, Sandbox: noSandbox(t), Command: command})
	for p.Unready() == nil {
		if _, err := do(within(t, patience), p, newJob(t, "x", draw)); !errors.Is(err, transform.ErrNoWorker) {
			t.Fatalf("got %v", err)
		}
		failed++
	}
	return p, failed, starts, good
}

// recovers has workers start from now on, and waits until the pool has found that out by itself.
func recovers(t *testing.T, p *Pool, good string) {
	t.Helper()
	if err := os.WriteFile(good, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); p.Unready() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not recover")
		}
	}
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Error(err)
	}
}

// A worker that does not start is not started for each request, and the pool
// says so. It recovers by itself.
func TestWorkersThatDoNotStart(t *testing.T) {
	p, failed, starts, good := poolThatDoesNotStart(t)
	b, err := os.ReadFile(starts)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b); n >= failed || n < unreadyAfter {
		t.Errorf("%d workers were started for %d jobs", n, failed)
	}
	recovers(t, p, good)
}

// A try of the pool's own that comes to nothing is not the last one: a server that is
// not ready gets no requests that would start a worker.
func TestTriesToStartGoOn(t *testing.T) {
	for name, tc := range map[string]struct {
		pause time.Duration // from a job that has just failed to start one
		busy  bool          // jobs hold every slot
	}{
		"too early":     {pause: firstPause},
		"without slots": {busy: true},
		"fails":         {},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, _, good := poolThatDoesNotStart(t)
			for stopped := false; !stopped; { // this test's try is the only one under way
				p.mu.Lock()
				if stopped = p.starts.again != nil && p.starts.again.Stop(); stopped {
					p.starts.until = time.Now().Add(tc.pause)
				}
				p.mu.Unlock()
			}
			held := 0
			for ; tc.busy && held < p.cfg.Size; held++ {
				<-p.slots
			}
			p.tryStart()
			for range held {
				p.releaseSlot()
			}
			recovers(t, p, good)
		})
	}
}

// Jobs that had no time left for a start say nothing of workers: the next job
// starts one.
func TestJobsWithoutTimeForAStart(t *testing.T) {
	good := t.TempDir() + "/good"
	script := `while [ ! -e "$1" ]; do sleep 0.01; done; exec "$2" worker`
	command := []string{"/bin/sh", "-c", script, "sh", good, os.Args[0]}
	p := newPoolOf(t, Config{Size: 2, Sandbox: noSandbox(t), Command: command})
	for range 2 * unreadyAfter {
		if _, err := do(within(t, time.Millisecond), p, newJob(t, "x", draw)); err == nil {
			t.Fatal("there was no worker")
		}
	}
	if err := p.Unready(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(good, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Error(err)
	}
}
