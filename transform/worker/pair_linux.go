package worker

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func newPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// processAttributes give a worker its own group: an interrupt typed at the
// terminal is for the server, which lets its workers finish.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// maxStray bounds the search for descriptors that were inherited: libraries
// open theirs early, when low numbers are free.
const maxStray = 4096

// closeStrays closes what a careless parent let through: an inherited socket
// would keep some dead peer's connection open. The runtime's own descriptors
// (anonymous inodes) and the connection to the server stay.
func closeStrays() {
	// The sandbox has no list of them.
	for fd := socketFD + 1; fd < maxStray; fd++ {
		// Go opens everything close-on-exec; what is not was inherited.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if !strings.HasPrefix(link, "anon_inode:") {
			unix.Close(fd)
		}
	}
}
