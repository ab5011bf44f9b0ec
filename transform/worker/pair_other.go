//go:build unix && !linux

package worker

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func newPair() ([2]int, error) {
	// No SOCK_CLOEXEC here: the lock keeps a fork from falling in between.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	return fds, err
}

func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func closeStrays() {}
