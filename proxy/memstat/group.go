package memstat

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Group is the memory cgroup that this process is in, of version 1 or 2.
type Group struct {
	path    string
	version int
}

// Figures are what a cgroup counts, with all groups inside it.
type Figures struct {
	// Version of cgroups, 1 or 2.
	Version int `json:"version"`
	// Anon is memory of processes' own, Shmem shared memory, memory files
	// included: the kernel cannot take these back. File is the page cache,
	// which it can, without Shmem.
	Anon  int64 `json:"anon_bytes"`
	Shmem int64 `json:"shmem_bytes"`
	File  int64 `json:"file_bytes"`
	// Sock is what sockets hold, where the limit counts that: in version 2.
	Sock int64 `json:"sockets_bytes"`
	// OOMKills is how often the kernel ended a process for the limit.
	OOMKills int64 `json:"oom_kills"`
}

// Firm is the memory that the kernel cannot take back.
func (f Figures) Firm() int64 { return f.Anon + f.Shmem + f.Sock }

// ErrNoGroup: there is no memory cgroup to be read here.
var ErrNoGroup = errors.New("memstat: no memory cgroup")

// FindGroup finds the group in which this process is. The error wraps
// ErrNoGroup.
func FindGroup() (*Group, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGroup, err)
	}
	path, version := parseCgroup(b)
	root := map[int]string{1: "/sys/fs/cgroup/memory", 2: "/sys/fs/cgroup"}[version]
	// In a container the path is often the host's, and the folder not: its own
	// group is then what is mounted at the root.
	for _, folder := range []string{filepath.Join(root, path), root} {
		g := &Group{folder, version}
		if _, err = g.Read(); err == nil {
			return g, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNoGroup, err)
}

// parseCgroup finds the memory group's path in /proc/PID/cgroup (cgroups(7)):
// where version 1 has the memory controller, version 2 has not. Version 0 is
// none at all.
func parseCgroup(b []byte) (path string, version int) {
	for line := range bytes.Lines(b) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		controllers, p, ok := strings.Cut(rest, ":")
		if !ok || !strings.HasPrefix(p, "/") {
			continue
		}
		for c := range strings.SplitSeq(controllers, ",") {
			if c == "memory" {
				return filepath.Clean(p), 1
			}
		}
		if id == "0" && controllers == "" {
			path, version = filepath.Clean(p), 2
		}
	}
	return path, version
}

// Read reads memory.stat and the count of kills.
func (g *Group) Read() (Figures, error) {
	if g == nil {
		return Figures{}, ErrNoGroup
	}
	stat, err := os.ReadFile(filepath.Join(g.path, "memory.stat"))
	if err != nil {
		return Figures{}, err
	}
	kills := map[int]string{1: "memory.oom_control", 2: "memory.events"}[g.version]
	events, err := os.ReadFile(filepath.Join(g.path, kills))
	if errors.Is(err, os.ErrNotExist) {
		events = []byte("oom_kill 0\n") // the root group of version 2 has none, nor a limit
	} else if err != nil {
		return Figures{}, err
	}
	return parseFigures(stat, events, g.version)
}

func parseFigures(stat, events []byte, version int) (Figures, error) {
	f := Figures{Version: version}
	names := map[string]*int64{"anon": &f.Anon, "shmem": &f.Shmem, "file": &f.File}
	if version == 1 {
		names = map[string]*int64{"total_rss": &f.Anon, "total_shmem": &f.Shmem, "total_cache": &f.File}
	}
	if err := parseFields(stat, names); err != nil {
		return f, err
	}
	if version == 2 {
		_ = parseFields(stat, map[string]*int64{"sock": &f.Sock}) // old kernels do not say
	}
	f.File = max(f.File-f.Shmem, 0) // both versions count shared memory there, too
	return f, parseFields(events, map[string]*int64{"oom_kill": &f.OOMKills})
}

// parseFields reads lines like "anon 1234" into all of the figures.
func parseFields(b []byte, into map[string]*int64) error {
	found := 0
	for line := range bytes.Lines(b) {
		name, text, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		figure := into[name]
		if figure == nil {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("memstat: the kernel gives %.20q for %s", text, name)
		}
		*figure = n
		found++
	}
	if found < len(into) {
		return fmt.Errorf("memstat: the kernel gives %d of %d figures", found, len(into))
	}
	return nil
}
