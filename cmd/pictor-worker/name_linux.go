package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// init names the process, which ps and top would else show by the number of the descriptor that it was started from. It
// runs on the main thread, whose name is that of the process.
func init() {
	name := []byte("pictor-worker\x00")
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0) // it works without a name, too
}
