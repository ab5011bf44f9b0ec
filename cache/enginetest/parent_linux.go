package enginetest

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end a program when the thread ends that starts it, as when the test was killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
