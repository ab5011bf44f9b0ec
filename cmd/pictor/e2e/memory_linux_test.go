package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

const mib = 1 << 20

// serveIn starts pictor in a cgroup; what it makes is not signed.
func serveIn(t testing.TB, g *cgroup, args ...string) *server {
	t.Helper()
	s := start(t, g.command(),
		append([]string{"--insecure", "--log-level", "debug", "--allow-networks", "127.0.0.0/8"}, args...)...)
	g.started(s.cmd.Process.Pid)
	return s
}

// under checks what must hold of every load: all were answered, by a picture
// or by a 503 that says when to come back, with the memory under its ceiling
// and nobody killed.
func under(t testing.TB, g *cgroup, l load, peak, limit int64) {
	t.Helper()
	t.Logf("at %d MiB: %v; anonymous and shared memory at most %d MiB", limit/mib, l, peak/mib)
	if n := g.oomKills(); n != 0 {
		t.Errorf("%d OOM kills", n)
	}
	if peak > limit/10*9 || peak < 20*mib {
		t.Errorf("%d MiB of %d were in use", peak/mib, limit/mib)
	}
	if l.failed > 0 || l.silent > 0 {
		t.Errorf("%d without an answer, %d told to go and not when to come back", l.failed, l.silent)
	}
	for status := range l.status {
		if status != http.StatusOK && status != http.StatusServiceUnavailable {
			t.Errorf("%d answers of status %d", l.status[status], status)
		}
	}
}

// What is larger than the share of all jobs runs alone, also while others ask.
func TestLargePicturesAreServedAlone(t *testing.T) {
	long(t, "load in a memory cgroup")
	t.Parallel() // it has a cgroup of its own
	const limit = 256 * mib
	origin := newSite(t)
	origin.put("/12mp.avif", saved(t, picturetest.JPEG(picturetest.Photo(4032, 3024, 4), 90), "avif", "effort=0"))
	origin.put("/24mp.jpg", saved(t, picturetest.JPEG(picturetest.Photo(6000, 4000, 5), 90), "jpg", "interlace,Q=85"))
	g := newCgroup(t, limit)
	s := serveIn(t, g)
	watch := g.watch()
	names := []string{"12mp.avif", "24mp.jpg"}
	l := s.burst(1, 2, func(i int) string { return "/insecure/w:720/plain/" + origin.URL + "/" + names[i] + "@jpg" })
	if l.status[http.StatusOK] != 2 {
		t.Errorf("by themselves: %v", l)
	}
	if !strings.Contains(s.logged(), "runs exclusively") {
		t.Error("neither had to run alone")
	}
	mixed := mixedPaths(t, s, origin)
	requests := loadFor(t, 40)
	l = s.burst(16, requests, func(i int) string {
		if i%10 == 5 {
			return "/insecure/w:721/plain/" + origin.URL + "/v/" + strconv.Itoa(i) + "/" + names[i/10%2] + "@jpg"
		}
		return mixed(i)
	})
	under(t, g, l, watch(), limit)
	if l.status[http.StatusOK] != requests {
		t.Errorf("among others: %v", l)
	}
}

// The limit counts that holds, whatever level of the hierarchy has it, and
// also when it changes.
func TestLimitIsFoundAndFollowed(t *testing.T) {
	t.Parallel() // it waits for the server to look again
	g := newCgroup(t, 256*mib)
	if g.scope > 0 {
		t.Skip("systemd has the cgroups here")
	}
	inner := &cgroup{t: t, path: filepath.Join(g.path, "inner"), v2: g.v2}
	if err := os.Mkdir(inner.path, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(inner.remove)
	s := serveIn(t, inner)
	planned := func(limit string) func() bool {
		return func() bool { return strings.Contains(s.logged(), "split.limit="+limit+" split.from=cgroup ") }
	}
	waitFor(t, "the limit of the outer group", planned("256MiB"))
	for _, n := range []int64{512, 192} {
		if err := g.limit(n * mib); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the new limit", planned(fmt.Sprint(n, "MiB")))
	}
	if a := s.get("/health/ready"); a.status != http.StatusOK {
		t.Error(a)
	}
}

func TestTooSmallALimitIsRefused(t *testing.T) {
	_, text, code := pictor(t, nil, "serve", "--insecure", "--memory-limit", "100MiB")
	if code == 0 || !strings.Contains(text, "at least 117MiB is needed") || !strings.Contains(text, "--memory-limit") {
		t.Errorf("%d %q", code, text)
	}
}
