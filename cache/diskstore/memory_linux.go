package diskstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// IsInMemory says that what is in the file system of a file or folder is in memory and nowhere else (tmpfs, ramfs).
// Where the kernel does not say it is false.
func IsInMemory(of *os.File) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(of.Fd()), &st); err != nil {
		return false
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC
}
