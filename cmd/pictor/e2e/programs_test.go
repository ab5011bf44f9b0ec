package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
)

// freeAddress is a host and port for a program that cannot choose its port, and that no other program takes.
func freeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort(enginetest.FreeAddress(t))
}

// runAt starts a program that serves at an address, and ends it with the test.
func runAt(t *testing.T, address string, cmd *exec.Cmd) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Args[0], out.String())
		}
	})
	waitFor(t, cmd.Args[0], func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", cmd.Args[0], out.String())
		default:
		}
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}
