package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// endsWell tells a server to end, and says what it gave up on.
func (s *server) endsWell(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.done
	if code := s.cmd.ProcessState.ExitCode(); code != 0 || strings.Contains(s.logged(), "given_up_on") {
		t.Errorf("it ended with %d: %s", code, s.logged())
	}
}

// A server ends well while the engines that it shares with others hang: it has nothing left to do that they are needed
// for.
func TestServersEndWellWhereEnginesHang(t *testing.T) {
	t.Parallel() // it waits
	t.Run("the Redis of purges and leases", func(t *testing.T) {
		e, o := startRedis(t), newVersions(t)
		s := serve(t, clusterArgs(e, "first", t.TempDir(), "--fill-leases", e.url, "--fill-leases-from", "0s")...)
		if err := syscall.Kill(e.PID(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			s.get(fmt.Sprintf("/_/f:png/plain/%s/%d.png", o.URL, i))
		}
		s.endsWell(t)
	})
}
