package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

func TestJobsShareAWorker(t *testing.T) {
	p := newPool(t, 2)
	for range 5 {
		got, err := do(within(t, patience), p, newJob(t, "x", draw, draw, draw))
		if err != nil || len(got) != 3 || got[2] != 12 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if s := p.Stats(); s.Started != 1 || s.Jobs != 5 || s.Idle != 1 || s.Workers != 1 {
		t.Errorf("%+v", s)
	}
}

func TestLook(t *testing.T) {
	p := newPool(t, 1)
	for what, want := range map[int]error{draw: nil, die: transform.ErrCrashed, lieAboutSize: transform.ErrCrashed,
		refuse: transform.ErrMalformed} {
		job := newJob(t, "x")
		job.Outputs = []transform.Params{{Trim: transform.Trim{On: true, Threshold: float64(what)}}}
		got, err := p.FindTrim(within(t, patience), job)
		if !errors.Is(err, want) || err == nil && got != (transform.Rect{Left: 1, Top: 2, Width: 3, Height: 4}) {
			t.Errorf("%d: %+v, %v, want %v", what, got, err, want)
		}
	}
}

// A watermark comes along as a second file.
func TestWatermarkReachesTheWorker(t *testing.T) {
	p := newPool(t, 1)
	job, other := newJob(t, "x", readMark), newJob(t, "the mark")
	job.Watermark, job.WatermarkInfo = other.Source, transform.Info{Format: transform.PNG, Width: 8, Height: 8}
	if got, err := do(within(t, patience), p, job); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	job.Watermark = nil
	if _, err := do(within(t, patience), p, job); err == nil {
		t.Error("a job without a watermark has one")
	}
}

func TestPoolIsBounded(t *testing.T) {
	p := newPool(t, 2)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Started > 2 || s.Jobs != 12 {
		t.Errorf("%+v", s)
	}
}

func TestDeadlineEndsTheWorkerAndIsNotRetried(t *testing.T) {
	p := newPool(t, 1)
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err) // the worker is warm: what follows is about the deadline alone
	}
	_, err := do(within(t, 200*time.Millisecond), p, newJob(t, "x", hang))
	if !errors.Is(err, transform.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if s := p.Stats(); s.Killed != 1 || s.Retried != 0 || s.Crashed != 0 || s.Workers != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Errorf("the next job: %v", err)
	}
}

func TestCancelledJobLeavesNoWorkerBehind(t *testing.T) {
	p := newPool(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := do(ctx, p, newJob(t, "x", hang)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := p.Stats(); s.Workers != 0 || s.Retried != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCrashIsRetriedOnce(t *testing.T) {
	p := newPoolOf(t, Config{Size: 1, Sandbox: noSandbox(t)})
	mark := t.TempDir() + "/crashed"
	got, err := do(within(t, patience), p, newJob(t, mark, dieOnce))
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if s := p.Stats(); s.Retried != 1 || s.Crashed != 1 || s.Started != 2 {
		t.Errorf("%+v", s)
	}
	_, err = do(within(t, patience), p, newJob(t, "x", die))
	if !errors.Is(err, transform.ErrCrashed) {
		t.Errorf("a picture that always crashes: %v", err)
	}
	if s := p.Stats(); s.Retried != 2 || s.Crashed != 3 {
		t.Errorf("%+v", s)
	}
}

// Which of several outputs ended the worker is not known. Those before it are delivered.
func TestCrashOfSeveralOutputsIsNotRetried(t *testing.T) {
	p := newPoolOf(t, Config{Size: 1, Sandbox: noSandbox(t)})
	got, err := do(within(t, patience), p, newJob(t, t.TempDir()+"/crashed", draw, dieOnce, draw))
	if !errors.Is(err, transform.ErrCrashed) || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if s := p.Stats(); s.Retried != 0 || s.Crashed != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNothingAWorkerSaysIsBelieved(t *testing.T) {
	for name, q := range map[string]int{
		"another format": lieAboutFormat, "another size": lieAboutSize, "no picture": sendGarbage,
		"an output missing": skip,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 1)
			if _, err := do(within(t, patience), p, newJob(t, "x", q)); !errors.Is(err, transform.ErrCrashed) {
				t.Errorf("got %v", err)
			}
			if s := p.Stats(); s.Workers != 0 {
				t.Errorf("the liar is kept: %+v", s)
			}
		})
	}
}

func TestWorkerThatGoesOnAfterItsLastOutputIsDropped(t *testing.T) {
	p := newPool(t, 1)
	got, err := do(within(t, patience), p, newJob(t, "x", sendTwice))
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if s := p.Stats(); s.Workers != 0 || s.Retried != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRefusalKeepsItsMeaningAndTheWorker(t *testing.T) {
	p := newPool(t, 1)
	_, err := do(within(t, patience), p, newJob(t, "x", refuse))
	var f *Failure
	if !errors.Is(err, transform.ErrMalformed) || !errors.As(err, &f) || !strings.Contains(f.Details(), "ugly") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "ugly") {
		t.Errorf("a worker's words reach people: %v", err)
	}
	if _, err = do(within(t, patience), p, newJob(t, "x", fail)); !errors.Is(err, errWorker) ||
		errors.Is(err, transform.ErrCrashed) {
		t.Errorf("got %v", err)
	}
	if s := p.Stats(); s.Started != 1 || s.Idle != 1 || s.Retried != 0 {
		t.Errorf("%+v", s)
	}
}

func TestProbe(t *testing.T) {
	c, err := newPool(t, 1).Probe(within(t, patience))
	if err != nil || c.Version != "test" || len(c.Missing()) != 4 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWorkerHasNoEnvironmentAndNoStrayDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	t.Setenv("PICTOR_KEY", "secret")
	// A descriptor that a careless library left open across exec.
	stray, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, stray.Fd(), syscall.F_SETFD, 0); errno != 0 {
		t.Fatal(errno)
	}
	p := newPool(t, 1)
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err)
	}
	proc := fmt.Sprintf("/proc/%d/", p.idle[0].cmd.Process.Pid)
	env, err := os.ReadFile(proc + "environ")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(p.cfg.Sandbox.withLayers(DefaultEnv), "\x00")
	if got := strings.TrimSuffix(string(env), "\x00"); got != want {
		t.Errorf("environment %q, want %q", got, want)
	}
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, e := range fds {
		link, _ := os.Readlink(proc + "fd/" + e.Name())
		switch {
		case e.Name() <= "2" && len(e.Name()) == 1, strings.HasPrefix(link, "anon_inode:"):
		case link == proc+"smaps": // the server hands it over
		case strings.HasPrefix(link, "/sys/fs/cgroup/"): // Go's runtime reads its CPU limit
		case strings.HasPrefix(link, "socket:"):
			sockets++
		default:
			t.Errorf("descriptor %s is %s", e.Name(), link)
		}
	}
	if sockets != 1 {
		t.Errorf("%d sockets", sockets)
	}
}

func TestClosedPoolRefuses(t *testing.T) {
	p := newPool(t, 1)
	p.Close()
	if _, err := do(within(t, time.Second), p, newJob(t, "x", draw)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// dataLimit finds the soft limit in /proc/PID/limits.
// threeIdle is a pool with three workers that have nothing to do.
func TestWorkerThatDoesNotStartIsNoFaultOfThePicture(t *testing.T) {
	p := newPoolOf(t, Config{Command: []string{"/bin/false"}})
	_, err := do(within(t, patience), p, newJob(t, "x", draw))
	if err == nil || errors.Is(err, transform.ErrCrashed) {
		t.Errorf("got %v", err)
	}
}

// A job that cannot be written is a mistake of ours: the worker has not heard
// of it.
func TestJobThatCannotBeWrittenIsNoFaultOfThePicture(t *testing.T) {
	p := newPool(t, 1)
	job := newJob(t, "x", draw)
	job.Outputs[0].Blur = math.NaN() // JSON has no such number
	if _, err := do(within(t, patience), p, job); err == nil || errors.Is(err, transform.ErrCrashed) {
		t.Errorf("got %v", err)
	}
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Started != 1 || s.Retried != 0 {
		t.Errorf("%+v", s)
	}
}

func TestServeByHandSaysSo(t *testing.T) {
	if err := Serve("", func() Engine { return scripted{} }); !errors.Is(err, ErrNotStartedByServer) {
		t.Errorf("got %v", err)
	}
}

// FuzzFrame: no bytes of a worker make the server panic or allocate more than
// it allows.
func FuzzFrame(f *testing.F) {
	var b bytes.Buffer
	_ = writeFrame(&b, response{Kind: kindPicture, Width: 3}, []byte("body"))
	f.Add(b.Bytes())
	f.Add([]byte("\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r response
		body, err := readFrame(bytes.NewReader(b), &r, 1<<10)
		if err == nil && len(body) > 1<<10 {
			t.Fatalf("%d bytes", len(body))
		}
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeFrame(&out, r, body); err != nil {
			t.Fatal(err)
		}
		var again response
		if body2, err := readFrame(&out, &again, 1<<10); err != nil || !bytes.Equal(body, body2) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}
