package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// figures are what the kernel counts of a process, in bytes.
type figures struct {
	// data is VmData: private writable mappings, touched or not. RLIMIT_DATA
	// bounds it.
	data int64
	// anon is RssAnon: memory of its own that is really there. A mapped
	// source is not in it.
	anon int64
}

func readFigures(pid int) (figures, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return figures{}, err
	}
	return parseFigures(b)
}

func parseFigures(status []byte) (figures, error) {
	var f figures
	for line := range bytes.Lines(status) {
		name, value, _ := strings.Cut(string(line), ":")
		var into *int64
		switch name {
		case "VmData":
			into = &f.data
		case "RssAnon":
			into = &f.anon
		default:
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil || kb < 0 || kb > 1<<50 {
			return figures{}, fmt.Errorf("cannot read %q", line)
		}
		*into = kb << 10
	}
	if f.data == 0 {
		return figures{}, fmt.Errorf("no VmData in %d bytes", len(status))
	}
	return f, nil
}

// setDataLimit bounds what a process may map for itself. The hard limit stays
// where it is: the server raises and lowers the soft one from job to job.
func setDataLimit(pid int, bytes int64) error {
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, nil, &old); err != nil {
		return os.NewSyscallError("prlimit", err)
	}
	limit := unix.Rlimit{Cur: min(uint64(bytes), old.Max), Max: old.Max}
	return os.NewSyscallError("prlimit", unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil))
}

// lowerPriority makes a worker's group give way to the server. Every thread
// that is there gets the value, and those it starts inherit it.
func lowerPriority(group int) error {
	return os.NewSyscallError("setpriority", unix.Setpriority(unix.PRIO_PGRP, group, nice))
}

// Hide makes the kernel keep this process from other processes of its user,
// its workers above all: one that was broken into could otherwise read the
// signing keys out of the server's memory (prctl(2), PR_SET_DUMPABLE). Workers
// themselves start without it.
func Hide() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}
