//go:build unix

package diskstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// acquireLock takes a file for as long as it is open: a process that is killed lets it
// go, too.
func acquireLock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	return os.NewSyscallError("flock", err)
}
