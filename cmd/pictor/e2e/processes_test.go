package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// children are the process ids of all that have this parent.
func children(parent int) []int {
	var out []int
	for pid, fields := range processes() {
		if fields[statParent] == strconv.Itoa(parent) {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out
}

// Fields of processes.
const (
	statParent = 1
	statCPU    = 11 // user and system time, then those of children waited for
	statFields = statCPU + 4
)

// processes are the fields of /proc/PID/stat behind the name (proc(5)), from the
// state on, of all that run.
func processes() map[int][]string {
	all := map[int][]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // the process has just ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])); len(fields) >= statFields {
			all[pid] = fields
		}
	}
	return all
}

// procStatus reads a figure of /proc/PID/status, in bytes.
func procStatus(t testing.TB, pid int, name string) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s in %s", name, b)
	return 0
}
