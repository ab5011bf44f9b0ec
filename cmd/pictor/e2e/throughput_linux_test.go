package e2e

import (
	"net/http"
	"testing"
	"time"
)

// Tests run in the order of their files' names: what is measured by the clock
// comes late, when the tests of other packages, which run beside these, are done.

// The promise: whatever the limit, the load is served as fast as without one
// as long as it fits.
func TestMixedLoadStaysUnderItsLimit(t *testing.T) {
	const clients, requests, deadline = 64, 210, 40 * time.Second
	origin := newSite(t)
	at := func(limit int64) load {
		g := newCgroup(t, limit)
		s := serveIn(t, g)
		stop := g.watch()
		l := s.burst(clients, requests, mixedPaths(t, s, origin))
		under(t, g, l, stop(), limit, deadline)
		s.stop()
		return l
	}
	// Another program on the machine slows one run and not the other: the best
	// of a few counts.
	var free, tight, ratio float64
	for round := 0; round < 3 && ratio < 0.9; round++ {
		l := at(256 * mib)
		if n := l.status[http.StatusOK]; n < 200 {
			t.Errorf("%d of %d were served at 256 MiB", n, requests)
		}
		tight = max(tight, l.rate())
		free = max(free, at(4096*mib).rate())
		ratio = tight / free
	}
	t.Logf("at 256 MiB the rate is %.2f of the one without a limit", ratio)
	if ratio < 0.9 {
		t.Error("that is less than 0.9")
	}
	smallest := at(128 * mib)
	if smallest.status[http.StatusOK] == 0 {
		t.Error("nothing was served at 128 MiB")
	}
}

// Far more than can be served: what is too much is told so, and those who ask
// for what is there do not notice.
func TestOverloadShedsAndHitsStayFast(t *testing.T) {
	const limit = 256 * mib
	origin := newSite(t)
	g := newCgroup(t, limit)
	s := serveIn(t, g)
	origin.put("/hit.jpg", mixedPictures(t)["6mp.jpg"])
	hit := "/insecure/rs:fit:720:0/plain/" + origin.URL + "/hit.jpg@jpg"
	watch := g.watch()
	hits := s.hits(t, hit)
	l := s.burst(1000, 3000, mixedPaths(t, s, origin))
	h := hits()
	under(t, g, l, watch(), limit, 40*time.Second)
	t.Logf("hits meanwhile: %v", h)
	// What is shed takes no time, so that others can be served.
	if l.status[http.StatusOK] < 100 || l.status[http.StatusServiceUnavailable] == 0 {
		t.Errorf("%v", l)
	}
	if h.status[http.StatusOK] != len(h.took) || h.percentile(0.99) > 50*time.Millisecond {
		t.Errorf("hits: %v", h)
	}
}
