package memstat

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is the resident memory of one process. It is cheap to read: the kernel
// keeps these sums.
type Process struct {
	// Anon is memory of its own, File pages of files that it maps, programs and
	// libraries among them, Shmem shared memory that it maps (RssAnon,
	// RssFile, RssShmem of /proc/PID/status).
	Anon, File, Shmem int64
}

// ReadProcess reads /proc/PID/status.
func ReadProcess(pid int) (Process, error) {
	b, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return Process{}, err
	}
	return parseStatus(b)
}

func parseStatus(b []byte) (p Process, err error) {
	err = parseKilobytes(b, map[string]*int64{"RssAnon": &p.Anon, "RssFile": &p.File, "RssShmem": &p.Shmem})
	return p, err
}

// Share is the proportional set size of one process: a page that n processes map
// counts an nth for each. Summed over processes it is what all of them take. The
// kernel walks all pages for it: a millisecond for some hundred MiB.
type Share struct {
	// Anon, File and Shmem are as in Process.
	Anon, File, Shmem int64
}

// ReadShare reads /proc/PID/smaps_rollup (Linux 5.10 or newer, which has the
// parts of Pss).
func ReadShare(pid int) (Share, error) {
	b, err := os.ReadFile(procFile(pid, "smaps_rollup"))
	if err != nil {
		return Share{}, err
	}
	return parseRollup(b)
}

func parseRollup(b []byte) (s Share, err error) {
	err = parseKilobytes(b, map[string]*int64{"Pss_Anon": &s.Anon, "Pss_File": &s.File, "Pss_Shmem": &s.Shmem})
	return s, err
}

func procFile(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// parseKilobytes reads lines like "RssAnon:    1234 kB" into all of the figures.
func parseKilobytes(b []byte, into map[string]*int64) error {
	found := 0
	for line := range bytes.Lines(b) {
		name, rest, ok := bytes.Cut(line, []byte(":"))
		figure := into[string(name)]
		if !ok || figure == nil {
			continue
		}
		text, ok := strings.CutSuffix(strings.TrimSpace(string(rest)), " kB")
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if !ok || err != nil || n < 0 || n > math.MaxInt64>>10 {
			return fmt.Errorf("memstat: the kernel gives %.20q for %s", rest, name)
		}
		*figure = n << 10
		found++
	}
	if found < len(into) {
		return fmt.Errorf("memstat: the kernel gives %d of %d figures", found, len(into))
	}
	return nil
}

// Files are anonymous memory files (memfd_create(2)) that are open.
type Files struct {
	Count int
	Bytes int64
}

// ReadFiles counts the files of this process that were made under a name. They
// take memory whether a process maps them or not.
func ReadFiles(name string) (f Files, err error) {
	const folder = "/proc/self/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return f, err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if link, err := os.Readlink(path); err != nil || !strings.HasPrefix(link, "/memfd:"+name+" ") {
			continue // closed meanwhile, or another kind of file
		}
		if info, err := os.Stat(path); err == nil {
			f.Count++
			f.Bytes += info.Size()
		}
	}
	return f, nil
}
