//go:build unix

package transform

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int64) ([]byte, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	return b, os.NewSyscallError("mmap", err)
}

// unmapFile ignores the error: munmap of a range that mmap gave cannot fail.
func unmapFile(b []byte) { _ = unix.Munmap(b) }
