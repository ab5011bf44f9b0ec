package diskstore

import "golang.org/x/sys/unix"

// inMemory says that a folder's files are in memory and nowhere else.
func inMemory(path string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC
}
