package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One of two servers is restarted, and the other one reloads again and again meanwhile, by the command and by the
// signal, under 50 requests a second: no request fails.
func TestRestartOfOneAndReloadOfTheOtherLoseNoRequest(t *testing.T) {
	long(t, "load for some seconds")
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	if err := os.WriteFile(file, []byte("ttl: 1h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, site := newBalancedOf(t, 2, nil, "--config", file), newSite(t)
	site.put("/photo.jpg", photo(64, 48))
	const images = 30
	for i := range images {
		b.get(fmt.Sprintf("/_/w:32/plain/%s/v/%d/photo.jpg", site.URL, i))
	}
	c := b.steady(site, images)
	waitFor(t, "the first requests", func() bool { return c.asked.Load() >= 50 })
	old, other := b.servers[0], b.servers[1]
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	signalled := other.reloadUntil(file, old.done)
	waitFor(t, "HAProxy to see that it is gone", func() bool { return !b.isUp(0) })
	b.servers[0] = b.start(0)
	waitFor(t, "HAProxy to see that it is there", func() bool { return b.isUp(0) })
	asked := c.asked.Load()
	waitFor(t, "the last requests", func() bool { return c.asked.Load() >= max(asked+25, 200) })
	c.end()
	if n := c.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed: %.300v", n, c.asked.Load(), c.wrong)
	}
	if hits, all := c.hits.Load(), c.asked.Load(); hits < all/4 || all-hits < all/10 {
		t.Errorf("%d hits of %d requests are no mix of both", hits, all)
	}
	reloads := strings.Count(other.logged(), `msg="settings reloaded"`)
	if reloads < 2 {
		t.Errorf("%d reloads: %s", reloads, other.logged())
	}
	t.Logf("%d requests, %d hits, %d reloads, %d by SIGHUP", c.asked.Load(), c.hits.Load(), reloads, signalled)
}

// reloadUntil changes a setting in a file and has the server take it, once by the command and once by SIGHUP, until
// done is closed. It gives how often the signal did it.
func (s *server) reloadUntil(file string, done <-chan struct{}) (signalled int) {
	s.t.Helper()
	for i := 2; ; i += 2 {
		changed(s.t, file, func(string) string { return fmt.Sprintf("ttl: %dh\n", i) })
		if out, errs, code := s.reloading(s.t); code != 0 || out != "reloaded: ttl\n" {
			s.t.Error(code, out, errs)
		}
		before := strings.Count(s.logged(), `msg="settings reloaded"`)
		changed(s.t, file, func(string) string { return fmt.Sprintf("ttl: %dh\n", i+1) })
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			s.t.Fatal(err)
		}
		waitFor(s.t, "the reload", func() bool {
			return strings.Count(s.logged(), `msg="settings reloaded"`) > before
		})
		signalled++
		select {
		case <-done:
			return signalled
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// systemdStandIn is the socket at which systemd hears of a service.
type systemdStandIn struct {
	t        *testing.T
	conn     *net.UnixConn
	path     string
	watchdog int // how often it was fed
}

func newSystemdStandIn(t *testing.T) *systemdStandIn {
	dir, err := os.MkdirTemp("", "notify") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &systemdStandIn{t: t, conn: conn, path: path}
}

// hear gives the next message that is not for the watchdog; none, where the time ends.
func (s *systemdStandIn) hear(within time.Duration) string {
	s.t.Helper()
	s.conn.SetReadDeadline(time.Now().Add(within))
	for b := make([]byte, 200); ; {
		n, err := s.conn.Read(b)
		if err != nil {
			return ""
		}
		if got := string(b[:n]); got != "WATCHDOG=1" {
			return got
		}
		s.watchdog++
	}
}

// The whole life of a server as systemd hears of it: a unit with Type=notify-reload and WatchdogSec works.
func TestSystemdHearsOfTheLifeOfAServer(t *testing.T) {
	t.Parallel() // it waits
	systemd := newSystemdStandIn(t)
	file := keyFile(t, "shop")
	s := start(t, exec.Command("env", "NOTIFY_SOCKET="+systemd.path, "WATCHDOG_USEC=100000", program),
		"--config", file)
	if got := systemd.hear(patience); got != "READY=1" {
		t.Fatalf("after its start: %q", got)
	}
	fed := systemd.watchdog
	before := monotonic(t)
	s.cmd.Process.Signal(syscall.SIGHUP)
	got := systemd.hear(patience)
	usec, ok := strings.CutPrefix(got, "RELOADING=1\nMONOTONIC_USEC=")
	at, err := strconv.ParseInt(usec, 10, 64)
	if !ok || err != nil || at < before || at > monotonic(t) {
		t.Errorf("after SIGHUP at %d: %q", before, got)
	}
	if got := systemd.hear(patience); got != "READY=1" {
		t.Errorf("after the reload: %q", got)
	}
	for end := time.Now().Add(patience); systemd.watchdog <= fed && time.Now().Before(end); {
		if got := systemd.hear(200 * time.Millisecond); got != "" {
			t.Errorf("between: %q", got)
		}
	}
	if systemd.watchdog <= fed {
		t.Error("the watchdog was not fed")
	}
	if a := s.get("/health/ready"); a.status != http.StatusOK {
		t.Error(a)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if got := systemd.hear(patience); got != "STOPPING=1" {
		t.Errorf("after SIGTERM: %q", got)
	}
	<-s.done
	if got := systemd.hear(10 * time.Millisecond); got != "" {
		t.Errorf("after its end: %q", got)
	}
}

// monotonic is the clock that systemd compares a reload's beginning with, in microseconds.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}
