package e2e

import (
	"net/http"
	"testing"
	"time"
)

// longest is what a request may take with the timeouts of promptly: its time in
// the queue, then the longest job.
const longest = 40 * time.Second

// mixedRequests is how many images of seven kinds are asked for.
const mixedRequests = 140

// measured is a load on a server with the default timeouts in a cgroup, and
// whether the machine was quiet meanwhile.
func measured(t *testing.T, origin *site, limit int64) (l load, quiet bool) {
	t.Helper()
	requests := loadFor(t, mixedRequests)
	g := newCgroup(t, limit)
	s := serveIn(t, g, promptly...)
	paths := mixedPaths(t, s, origin)
	stop, others := g.watch(), watchContention(t)
	l = s.burst(64, requests, paths)
	quiet = others.quiet() && requests == mixedRequests
	// A busy machine may let a job or a wait run into its timeout.
	if !quiet {
		delete(l.status, http.StatusGatewayTimeout)
	}
	under(t, g, l, stop(), limit)
	if quiet && l.percentile(1) > longest {
		t.Errorf("the longest request took %v", l.percentile(1))
	}
	s.stop()
	return l, quiet
}

// The promise: whatever the limit, the load is served as fast as without one
// as long as it fits.
func TestMixedLoadStaysUnderItsLimit(t *testing.T) {
	origin := newSite(t)
	// The best of three rounds counts, as a machine that is quiet on the whole has
	// seconds in which it is not.
	var free, tight float64
	judged := true
	for round := 0; round < 3 && judged && (round == 0 || tight < 0.9*free); round++ {
		l, quiet := measured(t, origin, 256*mib)
		if n := l.status[http.StatusOK]; n == 0 || quiet && n < mixedRequests*95/100 {
			t.Errorf("%d of %d were served at 256 MiB", n, len(l.took))
		}
		if judged = quiet; !judged {
			break
		}
		unlimited, quietToo := measured(t, origin, 4096*mib)
		tight, free = max(tight, l.rate()), max(free, unlimited.rate())
		judged = quietToo
		t.Logf("at 256 MiB the rate is %.2f of the one without a limit", tight/free)
	}
	if judged && tight < 0.9*free {
		t.Error("at 256 MiB the rate is less than 0.9 of the one without a limit")
	}
	if smallest, _ := measured(t, origin, 128*mib); smallest.status[http.StatusOK] == 0 {
		t.Error("nothing was served at 128 MiB")
	}
}

// Far more than can be served: what is too much is told so, and those who ask
// for what is there do not notice.
func TestOverloadShedsAndHitsStayFast(t *testing.T) {
	const limit = 256 * mib
	origin := newSite(t)
	g := newCgroup(t, limit)
	s := serveIn(t, g, promptly...)
	origin.put("/hit.jpg", mixedPictures(t)["6mp.jpg"])
	hit := "/insecure/rs:fit:720:0/plain/" + origin.URL + "/hit.jpg@jpg"
	watch := g.watch()
	hits, others := s.hits(t, hit), watchContention(t)
	l := s.burst(1000, 3000, mixedPaths(t, s, origin))
	quiet, h := others.quiet(), hits()
	if !quiet {
		delete(l.status, http.StatusGatewayTimeout)
	}
	under(t, g, l, watch(), limit)
	t.Logf("hits meanwhile: %v", h)
	if l.status[http.StatusOK] == 0 || l.status[http.StatusServiceUnavailable] == 0 ||
		h.status[http.StatusOK] != len(h.took) {
		t.Errorf("%v; hits: %v", l, h)
	}
	if !quiet {
		return
	}
	// What is shed takes no time, so that others can be served.
	if l.status[http.StatusOK] < 100 || l.percentile(1) > longest {
		t.Errorf("%v", l)
	}
	if h.percentile(0.99) > 50*time.Millisecond {
		t.Errorf("hits: %v", h)
	}
}
