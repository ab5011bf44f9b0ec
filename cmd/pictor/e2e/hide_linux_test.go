package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// asUser makes a command run as somebody who is not root: this very user, or
// where that is root the one of the container.
func asUser(cmd *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	return cmd
}

// A process of the server's own user, as a worker is, cannot look into it.
func TestServerCannotBeInspected(t *testing.T) {
	s := start(t, asUser(exec.Command(program)), "--insecure", "--allow-networks", "127.0.0.0/8")
	// Without privileges, and hidden, it works all the same.
	source := newSite(t).put("/a.jpg", picturetest.JPEG(picturetest.Photo(600, 400, 1), 85))
	if a := s.get("/insecure/w:100/plain/" + source); a.status != 200 {
		t.Errorf("%v", a)
	}
	look := func(pid int, file string) ([]byte, error) {
		return asUser(exec.Command("head", "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, file))).CombinedOutput()
	}
	for _, file := range []string{"environ", "mem", "maps", "fd/0"} {
		if out, err := look(s.cmd.Process.Pid, file); err == nil {
			t.Errorf("%s of the server reads %q", file, out)
		}
	}
	workers := s.workers()
	if len(workers) == 0 {
		t.Fatal("there is no worker")
	}
	// The same question with another answer: what is refused above is not
	// refused everywhere.
	if out, err := look(workers[0], "maps"); err != nil {
		t.Errorf("a worker cannot be looked into: %v %s", err, out)
	}
}
