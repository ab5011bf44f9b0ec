package e2e

import (
	"math"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// Bounds of what all processes of the server may cost, over a bare program that does the
// same in the same run. They are far enough from what docs/performance.md says for noise.
const (
	// mostOfMiss is over the loop of libvips calls, for 6 MP to 720 pixels as JPEG.
	mostOfMiss = 1.4
	// mostFaults are page faults of the worker in such a miss.
	mostFaults = 300
	// mostOfHit and mostOf304 are over a net/http handler, mostOfSecureHit and mostOfHTTP2 over one with TLS.
	mostOfHit, mostOf304         = 1.7, 1.6
	mostOfSecureHit, mostOfHTTP2 = 1.8, 1.8
)

// boundTries is how often a cost is measured that is over its bound: a machine that is quiet
// on the whole has seconds in which it is not.
const boundTries = 3

// The server and its workers cost little more than programs that do nothing else.
func TestCostBesideBarePrograms(t *testing.T) {
	long(t, "measures CPU time")
	needs(t, "cc")
	needs(t, "pkg-config")
	b := newBench(t)
	b.servers = b.servers[:1]
	b.origin.put("/6mp.jpg", picturetest.JPEG(picturetest.Photo(2816, 2112, 1), 85))
	form := benchForms[0]
	misses := b.misses(form)
	b.bound("page faults of the worker in a miss", mostFaults, func() float64 {
		return inTurns(b, misses[:1], 3, 4)[0].faultsBelow()
	})
	b.bound("CPU of a miss over that of libvips calls", mostOfMiss, func() float64 {
		return leastRatio(inTurns(b, misses, 5, 4))
	})
	hit, path := b.hit()
	of, secure := b.compareHits(hit, path), b.secureServers(hit)
	b.bound("CPU of a hit over that of net/http", mostOfHit, func() float64 {
		return leastRatio(inTurns(b, of(hitClients, false), 5, 1500))
	})
	b.bound("CPU of a 304 over that of net/http", mostOf304, func() float64 {
		return leastRatio(inTurns(b, of(hitClients, true), 5, 1500))
	})
	b.bound("CPU of a hit with TLS over that of net/http", mostOfSecureHit, func() float64 {
		return leastRatio(inTurns(b, b.askAll(secure, path, false), 5, 1500))
	})
	b.bound("CPU of a hit by HTTP/2 over that of net/http", mostOfHTTP2, func() float64 {
		return leastRatio(inTurns(b, b.askAll(secure, path, true), 5, 1500))
	})
}

// leastRatio is the CPU time of the first program over that of the second, of each in the
// round that was disturbed least.
func leastRatio(costs []cost) float64 { return costs[0].least() / costs[1].least() }

// bound fails where a figure stays over its bound.
func (b *bench) bound(what string, most float64, measure func() float64) {
	b.Helper()
	least := math.Inf(1)
	for try := 0; try < boundTries && least > most; try++ {
		least = min(least, measure())
	}
	b.Logf("%s: %.2f", what, least)
	if least > most {
		b.Errorf("%s: %.2f, want at most %v", what, least, most)
	}
}
