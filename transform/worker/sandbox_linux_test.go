package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor-proxy/pictor/transform"
)

// sandboxOf is a sandbox of these layers alone.
func sandboxOf(t testing.TB, layers ...string) *Sandbox {
	t.Helper()
	whole, err := NewSandbox(Auto)
	if err != nil {
		t.Fatal(err)
	}
	some, err := NewSandbox(Off)
	if err != nil {
		t.Fatal(err)
	}
	some = &Sandbox{layers: maps.Clone(some.layers)}
	for _, name := range layers {
		requireLayer(t, whole, name)
		some.layers[name] = whole.layers[name]
	}
	return some
}

// requireLayer skips where the kernel lacks a layer. One that the kernel has
// must be used.
func requireLayer(t testing.TB, s *Sandbox, name string) {
	t.Helper()
	if s.has(name) {
		return
	}
	_, err := landlockAsk(unix.LANDLOCK_CREATE_RULESET_VERSION)
	lacks := name == layerLandlock && err != nil || name == layerSeccomp && auditArch == 0
	if os.Getenv("CI") == "true" && !lacks {
		t.Fatalf("no %s: %s", name, s.layers[name].Detail)
	}
	t.Skipf("no %s: %s", name, s.layers[name].Detail)
}

func confinedBy(t testing.TB, layers ...string) *Pool {
	t.Helper()
	return newPoolOf(t, Config{Size: 1, Sandbox: sandboxOf(t, layers...)})
}

// pidOf is the worker of a pool of one, which it starts.
func pidOf(t testing.TB, p *Pool) int {
	t.Helper()
	if _, err := do(within(t, patience), p, newJob(t, "x", draw)); err != nil {
		t.Fatal(err)
	}
	return p.idle[0].cmd.Process.Pid
}

// lure makes what there is to reach for.
func lure(t testing.TB, sibling *Pool) targets {
	t.Helper()
	dir, err := os.MkdirTemp("", "pictor-lure-") // a short name, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	to := targets{Server: os.Getpid(), Sibling: pidOf(t, sibling), Cache: dir, Key: filepath.Join(dir, "key")}
	for _, name := range []string{"key", "record", "moved", "removed"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to.Abstract = "@pictor-lure-" + filepath.Base(dir)
	to.Path = filepath.Join(dir, "socket")
	to.Public, to.Admin = listener(t, "tcp", "127.0.0.1:0"), listener(t, "tcp", "127.0.0.1:0")
	listener(t, "unix", to.Abstract)
	listener(t, "unix", to.Path)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	to.UDP = udp.LocalAddr().String()
	return to
}

func listener(t testing.TB, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// attemptIn has a worker make an attempt, and gives the kernel's answer: 0 for
// one that succeeded.
func attemptIn(t testing.TB, p *Pool, to targets, name string) unix.Errno {
	t.Helper()
	to.Attempt = name
	b, err := json.Marshal(to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(within(t, patience), p, newJob(t, string(b), attempt))
	var f *Failure
	var errno int
	if !errors.As(err, &f) {
		t.Fatalf("%s: %v", name, err)
	}
	if _, scan := fmt.Sscanf(f.Details(), "errno=%d", &errno); scan != nil {
		t.Fatalf("%s: %s", name, f.Details())
	}
	if errno == 0 && !strings.HasSuffix(f.Details(), "<nil>") {
		t.Fatalf("%s: %s", name, f.Details())
	}
	return unix.Errno(errno)
}

// refused: the answer is one of a sandbox, and not of a mistake in the attempt.
func refused(errno unix.Errno) bool {
	return errno == unix.EPERM || errno == unix.EACCES || errno == unix.ENOSYS
}

func TestWorkersCannotGetOut(t *testing.T) {
	for _, tc := range []struct {
		name   string
		layers []string
		want   func(try) outcome
	}{
		{"no layer", nil, func(a try) outcome {
			if a.root && os.Getuid() != 0 {
				return either
			}
			return open
		}},
		{"Landlock alone", []string{layerNoNewPrivs, layerLandlock}, func(a try) outcome {
			if abi, _ := landlockAsk(unix.LANDLOCK_CREATE_RULESET_VERSION); abi < a.abi {
				return open
			}
			return a.landlock
		}},
		{"seccomp alone", []string{layerNoNewPrivs, layerSeccomp}, func(a try) outcome { return a.seccomp }},
		{"all layers", layerNames, func(try) outcome { return held }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, sibling := confinedBy(t, tc.layers...), confinedBy(t, tc.layers...)
			for _, a := range tries() {
				t.Run(a.name, func(t *testing.T) {
					errno := attemptIn(t, p, lure(t, sibling), a.name)
					switch want := tc.want(a); {
					case errno != 0 && !refused(errno):
						t.Errorf("the attempt is wrong: %v", errno)
					case want == held && errno == 0:
						t.Error("possible")
					case want == open && errno != 0:
						t.Errorf("refused (%v), and should not be", errno)
					}
				})
			}
		})
	}
}

// What a worker does all the time is not refused: the sandbox could refuse all.
func TestWorkersInTheSandboxWork(t *testing.T) {
	p := confinedBy(t, layerNames...)
	pid := pidOf(t, p)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n",
	} {
		if !strings.Contains(string(status), line) {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	// Each of its threads.
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%q, %v", tasks, err)
	}
	for _, task := range tasks {
		if b, err := os.ReadFile(task); err != nil || !strings.Contains(string(b), "Seccomp:\t2\n") {
			t.Errorf("%s: %v %s", task, err, b)
		}
	}
	if s := p.Stats(); s.Started != 1 || s.Crashed != 0 {
		t.Errorf("%+v", s)
	}
}

// The server stays as it is: what a worker is born in is of one thread, which
// is gone.
func TestTheServerIsNotInTheSandbox(t *testing.T) {
	for range 5 {
		pidOf(t, confinedBy(t, layerNames...))
	}
	var wrong []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		wrong = wrong[:0] // a thread ends a moment after its goroutine
		tasks, err := filepath.Glob("/proc/self/task/*/status")
		if err != nil || len(tasks) < 2 {
			t.Fatalf("%q, %v", tasks, err)
		}
		for _, task := range tasks {
			b, err := os.ReadFile(task)
			free := strings.Contains(string(b), "NoNewPrivs:\t0\n") && strings.Contains(string(b), "Seccomp:\t0\n")
			if err == nil && !free {
				wrong = append(wrong, task)
			}
		}
		if len(wrong) == 0 {
			return
		}
	}
	t.Errorf("%q are confined", wrong)
}

// Also when the goroutine that starts a worker is on the main thread, which
// never ends.
func TestTheMainThreadIsNotInTheSandbox(t *testing.T) {
	seen := 0
	err := onThreadOfItsOwn(func() error {
		seen = unix.Gettid()
		return errors.New("this one")
	})
	if seen == 0 || seen == unix.Getpid() || seen == unix.Gettid() || err == nil || err.Error() != "this one" {
		t.Errorf("thread %d, %v", seen, err)
	}
}

func TestModesOfTheSandbox(t *testing.T) {
	for _, mode := range []Mode{Auto, Off} {
		s, err := NewSandbox(mode)
		if err != nil {
			t.Fatal(err)
		}
		layers := s.Layers()
		for i, l := range layers {
			if l.Name != layerNames[i] || (mode == Off && l.On) || (!l.On && l.Detail == "") {
				t.Errorf("%s: %+v", mode, l)
			}
		}
		if len(layers) != len(layerNames) {
			t.Errorf("%s: %+v", mode, layers)
		}
	}
	if _, err := NewSandbox("strict"); err == nil {
		t.Error("a mode that does not exist")
	}
	auto, _ := NewSandbox(Auto)
	_, err := NewSandbox(Require)
	missing := auto.missingLayers()
	if (err != nil) != (len(missing) > 0) || len(missing) > 0 && !errors.Is(err, ErrSandbox) {
		t.Errorf("%v, missing %q", err, missing)
	}
}

// A worker that does not put its part of the sandbox around itself gets no job.
func TestWorkerOutsideOfTheSandboxIsNotUsed(t *testing.T) {
	for _, told := range []string{layerSeccomp, layerRlimits} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		p := newPoolOf(t, Config{
			Sandbox: sandboxOf(t, layerNoNewPrivs, layerSeccomp, layerRlimits),
			Command: []string{"/usr/bin/env", sandboxEnv + "=" + told, self, "worker"},
		})
		_, err = do(within(t, patience), p, newJob(t, "x", draw))
		if !errors.Is(err, errStart) || errors.Is(err, transform.ErrCrashed) {
			t.Errorf("with %s alone: %v", told, err)
		}
	}
}
