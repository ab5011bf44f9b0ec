package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	t.Run("a bucket that is written", func(t *testing.T) {
		e, o := startRedis(t), newVersions(t)
		asked := make(chan struct{}, 100)
		b := &sharedBucket{Server: httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPut {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body) // else the end of the client is not seen
			asked <- struct{}{}
			<-r.Context().Done()
		}))}
		t.Cleanup(b.Close)
		s := serve(t, b.flags(t, e, "first")...)
		for i := range 12 {
			s.get(fmt.Sprintf("/_/f:png/plain/%s/%d.png", o.URL, i))
		}
		<-asked
		s.endsWell(t)
	})
}
