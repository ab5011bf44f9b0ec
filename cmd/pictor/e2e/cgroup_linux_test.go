package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// cgroup is a memory cgroup of the test's own, of version 1 or 2.
type cgroup struct {
	t    testing.TB
	path string
	v2   bool
	// scope, where it is not 0, is the limit that systemd-run gives what is
	// started, in bytes; path is known only then.
	scope int64
}

// newCgroup makes a cgroup with a limit below the one of this process, or skips.
func newCgroup(t testing.TB, limit int64) *cgroup {
	t.Helper()
	long(t, "load in a memory cgroup")
	g, err := tryCgroup(t, limit)
	if err != nil {
		t.Skip(err)
	}
	return g
}

// tryCgroup is newCgroup where a test can do without one.
func tryCgroup(t testing.TB, limit int64) (*cgroup, error) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("no cgroups here: %w", err)
	}
	g := &cgroup{t: t}
	var parent string
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(f) == 3 && f[1] == "memory":
			parent, g.v2 = filepath.Join("/sys/fs/cgroup/memory", f[2]), false
		case len(f) == 3 && f[0] == "0" && parent == "":
			parent, g.v2 = filepath.Join("/sys/fs/cgroup", f[2]), true
		}
	}
	if _, err := os.Stat(parent); err != nil {
		// In a container the path is often the host's, the folder not.
		parent = map[bool]string{false: "/sys/fs/cgroup/memory", true: "/sys/fs/cgroup"}[g.v2]
	}
	g.path = filepath.Join(parent, fmt.Sprintf("pictor-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	err = os.Mkdir(g.path, 0o755)
	if err == nil {
		if err = g.limit(limit); err == nil {
			t.Cleanup(g.remove)
			return g, nil
		}
		g.remove()
	}
	if exec.Command(systemdRun[0], append(systemdRun[1:], "true")...).Run() != nil {
		return nil, fmt.Errorf("no memory cgroup can be made and limited here, by hand or by systemd-run: %w", err)
	}
	g.path, g.v2, g.scope = "", true, limit
	return g, nil
}

// systemdRun starts a program in a cgroup of its own where systemd has all of
// them; of the user's session where we are not root.
var systemdRun = func() []string {
	c := []string{"systemd-run", "--scope", "--quiet", "--collect"}
	if os.Getuid() != 0 {
		c = append(c, "--user")
	}
	return c
}()

// started tells where what command gave is running.
func (g *cgroup) started(pid int) {
	g.t.Helper()
	if g.scope == 0 {
		return
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			g.path = filepath.Join("/sys/fs/cgroup", path)
		}
	}
}

// limit changes the limit, in bytes. Swap would hide what is too much.
func (g *cgroup) limit(n int64) error {
	limit, swap := "memory.limit_in_bytes", "memory.swappiness"
	if g.v2 {
		limit, swap = "memory.max", "memory.swap.max"
	}
	_ = os.WriteFile(filepath.Join(g.path, swap), []byte("0"), 0o644) // there may be none
	return os.WriteFile(filepath.Join(g.path, limit), []byte(strconv.FormatInt(n, 10)), 0o644)
}

func (g *cgroup) remove() {
	for range 100 {
		if os.Remove(g.path) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // its last process is being reaped
	}
	g.t.Errorf("%s cannot be removed: something still runs in it", filepath.Base(g.path))
}

// command runs pictor inside.
func (g *cgroup) command() *exec.Cmd {
	if g.scope > 0 {
		args := append(systemdRun[1:], "-p", fmt.Sprint("MemoryMax=", g.scope), "-p", "MemorySwapMax=0", program)
		return exec.Command(systemdRun[0], args...)
	}
	return exec.Command("sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, g.path, program)
}

// figure reads one line of a file of "name value" lines. A missing one fails
// the test: it would look like nothing used, and nobody killed.
func (g *cgroup) figure(file, name string) int64 {
	b, err := os.ReadFile(filepath.Join(g.path, file))
	if err != nil {
		g.t.Error(err)
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				g.t.Error(err)
			}
			return n
		}
	}
	g.t.Errorf("%s has no %s", file, name)
	return 0
}

// used is anonymous plus shared memory, in bytes: what the kernel cannot take
// back.
func (g *cgroup) used() int64 {
	if g.v2 {
		return g.figure("memory.stat", "anon") + g.figure("memory.stat", "shmem")
	}
	return g.figure("memory.stat", "total_rss") + g.figure("memory.stat", "total_shmem")
}

func (g *cgroup) oomKills() int64 {
	if g.v2 {
		return g.figure("memory.events", "oom_kill")
	}
	return g.figure("memory.oom_control", "oom_kill")
}

// watch samples used every 50 ms until stop, which gives the highest.
func (g *cgroup) watch() (stop func() int64) {
	var peak atomic.Int64
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), g.used()))
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() int64 { close(end); <-ended; return peak.Load() }
}
