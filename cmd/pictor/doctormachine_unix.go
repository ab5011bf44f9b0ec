//go:build unix

package main

import (
	"math"

	"golang.org/x/sys/unix"
)

// freeBytes is the room that a user has on the file system of a folder.
func freeBytes(folder string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return 0, false
	}
	free := uint64(st.Bavail) * uint64(st.Bsize)
	return int64(min(free, math.MaxInt64)), true
}

// openFilesLimit is the one in force: Go raises the soft limit to the hard one at the start.
func openFilesLimit() (uint64, bool) {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return uint64(l.Max), err == nil
}

// addressSpaceLimit is ok only where there is a limit.
func addressSpaceLimit() (bytes int64, ok bool) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &l); err != nil || uint64(l.Cur) > math.MaxInt64/2 {
		return 0, false
	}
	return int64(l.Cur), true
}
