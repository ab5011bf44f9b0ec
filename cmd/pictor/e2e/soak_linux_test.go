package e2e

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// soakVar makes the long tests run, plotVar says where the plot goes.
const (
	soakVar = "PICTOR_SOAK"
	plotVar = "PICTOR_SOAK_PLOT"
)

const (
	soakBursts            = 10
	soakClients, soakAsks = 64, 210
	// soakRest is after the first burst, soakPause after each of the others.
	soakRest, soakPause = 60 * time.Second, 15 * time.Second
	// soakSpare is what may stay besides the cache, in bytes.
	soakSpare = 24 * mib
)

// Ten bursts in a row: each time what was taken comes back within 15 s but for
// the cache, and nothing piles up.
func TestSoakMemoryComesBackAndNothingPilesUp(t *testing.T) {
	if os.Getenv(soakVar) == "" {
		t.Skip("takes ten minutes: make soak")
	}
	const limit = 256 * mib
	origin := newSite(t)
	g := newCgroup(t, limit)
	s := serveIn(t, g)
	paths := mixedPaths(t, s, origin)
	p := newPlot(limit, map[bool]int{false: 1, true: 2}[g.v2])
	stop := p.watch(g, s)
	asked := 0
	burst := func() load {
		from := asked
		asked += soakAsks
		p.burstBegins()
		defer p.burstEnds()
		return s.burst(soakClients, soakAsks, func(i int) string { return paths(from + i) })
	}
	burst()
	time.Sleep(soakRest)
	idle := s.tree()
	t.Logf("idle: %d KiB", idle>>10)
	var without []float64
	for i := range soakBursts {
		l := burst()
		m, err := s.memory()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(soakPause)
		rest := s.tree()
		without = append(without, float64(rest-m.Cache.Bytes)/mib)
		t.Logf("burst %d: %v; %v later %d KiB, %d of them in the cache", i+1, l, soakPause, rest>>10, m.Cache.Bytes>>10)
		if rest > idle+m.Cache.Bytes+soakSpare {
			t.Errorf("after burst %d: %d KiB are more than idle (%d), cache (%d) and %d", i+1, rest>>10, idle>>10,
				m.Cache.Bytes>>10, soakSpare>>10)
		}
		if l.status[http.StatusOK] < soakAsks*95/100 {
			t.Errorf("burst %d: %v", i+1, l)
		}
	}
	if n := g.oomKills(); n != 0 {
		t.Errorf("%d OOM kills", n)
	}
	slope := slope(without)
	t.Logf("besides the cache, memory after a burst grows by %.2f MiB with each", slope)
	if slope > 0.5 {
		t.Error("that is too much")
	}
	stop()
	if path := os.Getenv(plotVar); path != "" {
		if err := os.WriteFile(path, p.svg(), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// Without a cache nothing stays but the programs themselves.
func TestSoakATreeWithoutCacheIsSmallAgain(t *testing.T) {
	if os.Getenv(soakVar) == "" {
		t.Skip("takes two minutes: make soak")
	}
	origin := newSite(t)
	g := newCgroup(t, 256*mib)
	s := serveIn(t, g, "--cache-memory", "off")
	paths := mixedPaths(t, s, origin)
	if a := s.get(paths(0)); a.status != http.StatusOK {
		t.Fatal(a)
	}
	time.Sleep(soakPause) // until then the worker keeps what the next job would take
	fresh := s.tree()
	l := s.burst(soakClients, soakAsks, func(i int) string { return paths(i + 1) })
	time.Sleep(soakRest)
	after := s.tree()
	t.Logf("fresh, with a warm worker: %d KiB; %v; 60 s later %d KiB", fresh>>10, l, after>>10)
	if fresh >= 60*mib || after >= 60*mib {
		t.Error("that is not under 60 MiB")
	}
}

// slope is how much y grows with each step, by least squares.
func slope(y []float64) float64 {
	var sumX, sumY, sumXY, sumXX float64
	n := float64(len(y))
	for i, v := range y {
		x := float64(i)
		sumX, sumY, sumXY, sumXX = sumX+x, sumY+v, sumXY+x*v, sumXX+x*x
	}
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}
