//go:build unix

package memfile

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int64) ([]byte, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	return b, os.NewSyscallError("mmap", err)
}

// mapPrivate copies bytes to memory outside of the Go heap. The copy cannot be
// written to, as the view of a file cannot.
func mapPrivate(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	view, err := unix.Mmap(-1, 0, len(b), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	copy(view, b)
	if err := unix.Mprotect(view, unix.PROT_READ); err != nil {
		unmapFile(view)
		return nil, os.NewSyscallError("mprotect", err)
	}
	return view, nil
}

// unmapFile ignores the error: munmap of a range that mmap gave cannot fail.
func unmapFile(b []byte) { _ = unix.Munmap(b) }
