package worker

import (
	"errors"

	"golang.org/x/sys/unix"
)

// killGroup waits for the end of a worker and then kills what it has started. A
// process that nobody has reaped keeps its number, so that no other is hit.
func killGroup(pid int) {
	var err error = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	if err == nil {
		_ = unix.Kill(-pid, unix.SIGKILL) // where there is none, there is nothing to do
	}
}
