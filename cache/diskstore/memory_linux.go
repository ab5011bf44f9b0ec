package diskstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// isInMemory says that a folder's files are in memory and nowhere else.
func isInMemory(folder *os.File) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(folder.Fd()), &st); err != nil {
		return false
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC
}
