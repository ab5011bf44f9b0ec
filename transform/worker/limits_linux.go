package worker

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// figures are what the kernel counts of a process, in bytes.
type figures struct {
	// data is private writable memory with the stack of the first thread, touched or
	// not. RLIMIT_DATA bounds the former.
	data int64
	// anon is memory of its own that is really there. A mapped source is not in it.
	anon int64
}

// readFigures reads /proc/PID/statm, which is asked for several times a job: the status of
// a process has the same figures and takes six times as long to read.
func readFigures(pid int) (figures, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/statm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return figures{}, os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	var b [256]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return figures{}, os.NewSyscallError("read", err)
	}
	return parseFigures(b[:n])
}

// parseFigures reads the line of /proc/PID/statm (proc(5)), in pages: size, resident,
// shared, text, 0, data, 0.
func parseFigures(statm []byte) (figures, error) {
	fields := strings.Fields(string(statm))
	if len(fields) < 6 {
		return figures{}, fmt.Errorf("cannot read %q", statm)
	}
	var pages [6]int64
	for i := range pages {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return figures{}, fmt.Errorf("cannot read %q", statm)
		}
		pages[i] = n
	}
	const resident, shared, data = 1, 2, 5
	if pages[data] == 0 {
		return figures{}, fmt.Errorf("no memory in %q", statm) // it has ended, and is not reaped
	}
	page := int64(os.Getpagesize())
	return figures{data: pages[data] * page, anon: max(pages[resident]-pages[shared], 0) * page}, nil
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
