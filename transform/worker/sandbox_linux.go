package worker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pictor-proxy/pictor/transform"
)

// tryLayers puts each layer around a thread that ends: no list of kernel
// versions says what a container's own filter, a boot parameter or an emulated
// kernel leaves of them.
func tryLayers() []transform.Layer {
	layers := map[string]transform.Layer{layerRlimits: {On: true}}
	_ = onThreadOfItsOwn(func() error {
		layers[layerNoNewPrivs] = triedLayer("", dropPrivileges())
		detail, err := restrictFiles("/proc/self/exe", nil)
		layers[layerLandlock] = triedLayer(detail, withAdvice(err, "Linux 5.13 or newer"))
		// Last, as it refuses the calls of the others.
		layers[layerSeccomp] = triedLayer("", withAdvice(filterCalls(0), "a kernel with seccomp filters"))
		return nil
	})
	var out []transform.Layer
	for _, name := range layerNames {
		l := layers[name]
		l.Name = name
		out = append(out, l)
	}
	return out
}

func triedLayer(detail string, err error) transform.Layer {
	if err != nil {
		return transform.Layer{Detail: err.Error()}
	}
	return transform.Layer{On: true, Detail: detail}
}

// withAdvice says what an operator can do about a layer that was refused.
func withAdvice(err error, needs string) error {
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: the kernel does not have it: use %s", err, needs)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w: it is off in this kernel: add it to the boot parameter lsm=", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: refused, probably by the container's seccomp profile: allow landlock_create_ruleset, "+
			"landlock_add_rule, landlock_restrict_self, prctl and seccomp there", err)
	}
	return err
}

// onThreadOfItsOwn runs f on a thread that ends with it. What f does to the
// thread therefore stays with the processes that f started: they inherit it,
// and no other code of this process ever runs there. A goroutine that is still
// locked to its thread takes the thread along when it ends, and while it is
// locked the runtime starts other threads from one that is clean
// (runtime.LockOSThread).
//
// The main thread is never ended, so f gets another one where this goroutine
// happens to be on it.
func onThreadOfItsOwn(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- onThreadOfItsOwn(f) // on another thread, as this one is held
			return
		}
		done <- f()
	}()
	return <-done
}

// startConfined starts a worker inside of the layers that processes inherit. program is its file by a path
// that this process can open, libraries are Program.Libraries.
//
// Before version 8 Landlock restricts one thread, and a Go program has several
// when its first line runs. So the domain is made in the server, on a thread of
// its own, and the worker is born in it: all its threads have it from the
// start, also those of libraries, and the code that loads them runs in it.
// To apply it in the worker would take a second exec of a program whose
// libraries take 80 ms to load, or a signal to each thread that applies it there
// (libpsx, as go-landlock does), which leaves a domain of its own to each.
//
// Workers have a domain each, in which no process but the worker is, so that
// none can signal or trace another.
func (s *Sandbox) startConfined(cmd *exec.Cmd, program string, libraries []string) error {
	if !s.has(layerNoNewPrivs) && !s.has(layerLandlock) {
		return cmd.Start()
	}
	// Standard input and output, which exec.Cmd would open inside of the sandbox.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	cmd.Stdin, cmd.Stdout = null, null
	// The package os tries out what it needs of pidfds on the first use of one,
	// and would remember for good what the sandbox refuses.
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Release() // a handle without an owner: nothing can fail
	}
	return onThreadOfItsOwn(func() error {
		if s.has(layerNoNewPrivs) {
			if err := dropPrivileges(); err != nil {
				return err
			}
		}
		if s.has(layerLandlock) {
			if _, err := restrictFiles(program, libraries); err != nil {
				return err
			}
		}
		return cmd.Start()
	})
}

// dropPrivileges takes all capabilities from this thread and what it starts,
// and the way to get them back by a program. Without the latter the kernel
// takes neither Landlock rules nor a filter from an ordinary user.
func dropPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl(PR_SET_NO_NEW_PRIVS)", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return os.NewSyscallError("capset", unix.Capset(&header, &none[0]))
}

// checkProcess looks whether a worker that says it is ready is in all of the layers,
// by what the kernel says of it. Landlock is not among that: a worker without
// it was not started.
func (s *Sandbox) checkProcess(pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	for layer, says := range map[string][2]string{
		layerNoNewPrivs: {"NoNewPrivs", "1"}, layerSeccomp: {"Seccomp", "2"},
	} {
		// Emulated kernels lack some lines, which says nothing.
		_, rest, told := strings.Cut(string(status), "\n"+says[0]+":")
		value, _, _ := strings.Cut(rest, "\n")
		if s.has(layer) && told && strings.TrimSpace(value) != says[1] {
			return fmt.Errorf("%w: a worker started without %s", ErrSandbox, layer)
		}
	}
	var files unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &files); err != nil {
		return os.NewSyscallError("prlimit", err)
	}
	if s.has(layerRlimits) && files.Max > maxDescriptors {
		return fmt.Errorf("%w: a worker started without %s", ErrSandbox, layerRlimits)
	}
	return nil
}

// maxDescriptors is far more than a worker has open: its socket, the runtime's
// own, a source and a watermark, and a library that is being loaded.
const maxDescriptors = 64

// rlimits are those of a worker. RLIMIT_DATA is set for each job, by the
// server. RLIMIT_NPROC counts all processes of a user and would bound others.
var rlimits = map[int]uint64{
	unix.RLIMIT_NOFILE: maxDescriptors,
	unix.RLIMIT_FSIZE:  0,
	unix.RLIMIT_CORE:   0, // it would hold pixels of strangers
	// Kernel memory that no figure of the server's counts.
	unix.RLIMIT_MEMLOCK:    0,
	unix.RLIMIT_MSGQUEUE:   0,
	unix.RLIMIT_SIGPENDING: 64,
}

// confineSelf takes from this process, a worker, what the server named: the layers
// that a process can only put around itself.
func confineSelf(layers string) error {
	if layers == "" {
		return nil
	}
	own := strings.Split(layers, ",")
	if slices.Contains(own, layerRlimits) {
		for what, most := range rlimits {
			if err := unix.Setrlimit(what, &unix.Rlimit{Cur: most, Max: most}); err != nil {
				return fmt.Errorf("%s: %w", layerRlimits, os.NewSyscallError("setrlimit", err))
			}
		}
	}
	if slices.Contains(own, layerSeccomp) {
		// The C libraries' threads are there already.
		if err := filterCalls(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
			return fmt.Errorf("%s: %w", layerSeccomp, err)
		}
	}
	return nil
}
