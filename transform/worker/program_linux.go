package worker

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// programFD is where the program of a worker is while it is being started. The worker closes it
// (closeStrays).
const programFD = socketFD + 1

// holdProgram opens the program of workers, so that all are of one build: an upgrade may replace
// the file while the server runs. The descriptor gives no right to read or write.
func holdProgram(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// programPaths lead to the open program: one from the process that becomes a worker, one from the server.
func programPaths(program *os.File) (inWorker, inServer string) {
	return fmt.Sprintf("/proc/self/fd/%d", programFD), fmt.Sprintf("/proc/self/fd/%d", program.Fd())
}

// endWithServer has a program that describes itself killed together with what it has started, once its time is
// over, and killed where the server is: one that hangs would else be left behind.
func endWithServer(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
}
