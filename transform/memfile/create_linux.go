package memfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// newMemoryFile makes a memfd. It is unlinked by nature, so a server that is
// killed leaves nothing behind, and it can be sealed.
func newMemoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// sealMemoryFile forbids writes from now on. No process has the file mapped yet, so
// that future writes are all writes. F_SEAL_WRITE would mean the same, but fails
// with EBUSY while the kernel itself holds a page, as it does when memory is short.
// It is used on kernels before 5.1, which have no other.
func sealMemoryFile(f *os.File) error {
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals|unix.F_SEAL_FUTURE_WRITE)
	if err == unix.EINVAL {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals|unix.F_SEAL_WRITE)
	}
	return os.NewSyscallError("fcntl", err)
}
