package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// ballastVar makes the test's program take so many MiB, slowly, and hold them
// until its standard input ends.
const ballastVar = "PICTOR_TEST_BALLAST"

// ballast is what the program does instead of tests, if told so.
func ballast() bool {
	n, err := strconv.Atoi(os.Getenv(ballastVar))
	if err != nil {
		return false
	}
	for range n {
		// The kernel fills it: where we wrote, the race detector would take
		// many times as much for its own books.
		if _, err := unix.Mmap(-1, 0, mib, unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(100 * time.Millisecond)
	}
	os.Stdin.Read(make([]byte, 1))
	return true
}

// ballast starts another program in the cgroup, which takes n MiB.
func (g *cgroup) ballast(n int) (stop func()) {
	g.t.Helper()
	self, err := os.Executable()
	if err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, g.path, self)
	cmd.Env = append(os.Environ(), fmt.Sprint(ballastVar, "=", n))
	in, err := cmd.StdinPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	return func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			g.t.Errorf("the other program: %v", err)
		}
	}
}

// hitRatio asks for each of n pictures, and says how many were in the cache.
func hitRatio(t testing.TB, s *server, n int, path func(i int) string) float64 {
	t.Helper()
	hits := 0
	for i := range n {
		a := s.get(path(i))
		if a.status != http.StatusOK {
			t.Errorf("picture %d: %v", i, a)
		}
		if strings.Contains(a.header.Get("Cache-Status"), "; hit") {
			hits++
		}
	}
	return float64(hits) / float64(n)
}

// With a full cache, jobs that need more and more, and at last another program
// that takes memory in the same cgroup: the cache gives way, nobody is killed,
// and afterwards hits are as many as before.
func TestTheCacheGivesWayAndRecovers(t *testing.T) {
	long(t, "load in a memory cgroup")
	t.Parallel() // it waits for pressure to come and go
	const limit = 256 * mib
	origin := newSite(t)
	origin.put("/small.jpg", photo(800, 600))
	origin.put("/40mp.jpg", saved(t, picturetest.JPEG(picturetest.Photo(7360, 5440, 6), 85), "jpg", "interlace,Q=85"))
	g := newCgroup(t, limit)
	if g.scope > 0 {
		t.Skip("another program cannot be put into a scope of systemd's")
	}
	s := serveIn(t, g)
	kept := func(i int) string { return fmt.Sprintf("/insecure/w:%d/plain/%s/small.jpg@png", 500+i, origin.URL) }
	const pictures = 56
	hitRatio(t, s, pictures, kept)
	before := hitRatio(t, s, pictures, kept)
	full, err := s.memory()
	if err != nil || before < 0.9 || full.Cache.Bytes < full.Cache.Max*6/10 {
		t.Fatalf("the cache is not full: %.2f hits, %+v, %v", before, full.Cache, err)
	}
	t.Logf("before: %.2f hits, cache %d of %d KiB", before, full.Cache.Bytes>>10, full.Cache.Max>>10)

	mixed := mixedPaths(t, s, origin)
	round := 0
	burst := func(clients, n int, large bool) load {
		round++
		base := round * 1000
		return s.burst(clients, n, func(i int) string {
			if large && i%8 == 4 {
				return fmt.Sprintf("/insecure/w:720/plain/%s/v/%d/40mp.jpg@jpg", origin.URL, base+i)
			}
			return mixed(base + i)
		})
	}
	watch := g.watch()
	least := s.watchCache()
	l := burst(8, 24, false)
	rising := burst(32, loadFor(t, 48), true)
	aloneLeast := least()
	under(t, g, rising, watch(), limit)
	if l.status[http.StatusOK] != 24 || aloneLeast > full.Cache.Bytes*3/4 {
		t.Errorf("%v; the cache had at least %d KiB", l, aloneLeast>>10)
	}

	watch, least = g.watch(), s.watchCache()
	stop := g.ballast(90)
	pressed := burst(64, loadFor(t, 96), true)
	// The other program takes nine seconds to grow, and is seen under load only.
	var m memory.Report
	waitFor(t, "the other program to be seen", func() bool {
		if m, err = s.memory(); err == nil && m.Pressure.Others < 80*mib {
			burst(8, 8, true)
		}
		return err == nil && m.Pressure.Others >= 80*mib
	})
	peak, pressedLeast := watch(), least()
	stop()
	t.Logf("beside 90 MiB of another program: %v; at most %d MiB in all; cache at least %d KiB; %+v", pressed,
		peak/mib, pressedLeast>>10, m.Pressure)
	if g.oomKills() != 0 || pressed.failed > 0 || pressed.silent > 0 || pressed.status[http.StatusOK] == 0 ||
		pressedLeast > full.Cache.Max/4 {
		t.Errorf("%d OOM kills; %v; cache at least %d KiB", g.oomKills(), pressed, pressedLeast>>10)
	}

	waitFor(t, "all shares in force again", func() bool {
		m, err := s.memory()
		return err == nil && m.Pressure.Level == 1 && m.Cache.Max == full.Cache.Max
	})
	hitRatio(t, s, pictures, kept)
	after := hitRatio(t, s, pictures, kept)
	t.Logf("afterwards: %.2f hits", after)
	if after < before-0.05 {
		t.Errorf("%.2f hits, and %.2f before", after, before)
	}
}

// watchCache gives the least bytes that the cache had meanwhile.
func (s *server) watchCache() (stop func() int64) {
	var least atomic.Int64
	least.Store(1 << 62)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if m, err := s.memory(); err == nil {
				least.Store(min(least.Load(), m.Cache.Bytes))
			}
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(end); <-ended; return least.Load() }
}
