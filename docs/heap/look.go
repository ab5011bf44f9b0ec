package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// figures are bytes.
type figures struct {
	inuse, idle, released int64 // runtime.MemStats
	rss, peak             int64 // VmRSS and VmHWM
	// lazy is the part of rss that was released with MADV_FREE and that the
	// kernel has not reclaimed yet.
	lazy int64
}

func look() (f figures, err error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.inuse, f.idle = int64(m.HeapInuse), int64(m.HeapIdle)
	f.released = int64(m.HeapReleased)
	if err := readInto("/proc/self/status", map[string]*int64{"VmRSS": &f.rss, "VmHWM": &f.peak}); err != nil {
		return f, err
	}
	return f, readInto("/proc/self/smaps_rollup", map[string]*int64{"LazyFree": &f.lazy})
}

// readInto reads lines like "VmRSS:   1234 kB".
func readInto(file string, into map[string]*int64) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	found := 0
	for line := range bytes.Lines(b) {
		name, rest, _ := strings.Cut(string(line), ":")
		if figure := into[name]; figure != nil {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 50)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			*figure = kb << 10
			found++
		}
	}
	if found < len(into) {
		return fmt.Errorf("%s: a field is missing", file)
	}
	return nil
}

const pressAfter, pressFor = 30 * time.Second, 20 * time.Second

// pressure starts a second process after pressAfter. It uses memory for
// pressFor, then exits.
func (o options) pressure() (stop func(), err error) {
	if o.press == 0 {
		return func() {}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	timer := time.AfterFunc(pressAfter, func() {
		defer close(done)
		cmd := exec.Command(self, "-size", fmt.Sprintf("%dMB", o.press/1e6), "-hold", pressFor.String())
		cmd.Env = append(os.Environ(), "GOMEMLIMIT=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "heap: second process: %v %s\n", err, out)
		}
	})
	return func() {
		if !timer.Stop() {
			<-done
		}
	}, nil
}

// enterGroup creates a memory cgroup, of version 1 or else 2, and moves this
// process into it.
func enterGroup(limit int64) (leave func(), err error) {
	root, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(root); err != nil {
		root, file = "/sys/fs/cgroup", "memory.max"
	}
	group := filepath.Join(root, "pictor-heap-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		return nil, fmt.Errorf("create a memory cgroup (as root; else run without -limit, in a container): %w", err)
	}
	write := func(folder, name, text string) error {
		return os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644)
	}
	pid := strconv.Itoa(os.Getpid())
	if err := write(group, file, strconv.FormatInt(limit, 10)); err != nil {
		os.Remove(group)
		return nil, err
	}
	if err := write(group, "cgroup.procs", pid); err != nil {
		os.Remove(group)
		return nil, err
	}
	return func() {
		_ = write(root, "cgroup.procs", pid) // an empty cgroup can be removed
		os.Remove(group)
	}, nil
}
