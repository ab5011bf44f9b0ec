package main

import (
	"math"
	"testing"
	"time"
)

func testRing(kind balancing, servers int) *balancer {
	return newBalancer(kind, servers, ringConfig{Weight: 16, Bound: 125}, 1)
}

// A server that joins takes its share of the images over, and no other image moves.
func TestJoiningServerMovesItsShare(t *testing.T) {
	three, four := testRing(unbounded, 3), testRing(unbounded, 4)
	const images = 10_000
	moved := 0
	for image := range uint32(images) {
		before, after := three.pickServer(image), four.pickServer(image)
		if before == after {
			continue
		}
		moved++
		if after != 3 {
			t.Fatalf("image %d moved from %d to %d", image, before, after)
		}
	}
	if part := float64(moved) / images; math.Abs(part-0.25) > 0.05 {
		t.Errorf("%.2f of the images moved", part)
	}
}

func TestRandomBalancingIsEven(t *testing.T) {
	b := testRing(random, 8)
	counts := [8]int{}
	const requests = 80_000
	for range requests {
		counts[b.pickServer(7)]++
	}
	for server, n := range counts {
		if math.Abs(float64(n)*8/requests-1) > 0.05 {
			t.Errorf("server %d got %d", server, n)
		}
	}
}

// One image that all ask for is on as many servers as it takes for none to have more than its share, and is back on one
// when the others have ended.
func TestBoundedLoadSpreadsAnImage(t *testing.T) {
	b := testRing(hashed, 4)
	home := b.pickServer(7)
	for i := range 40 {
		server := b.pickServer(7)
		b.begin(server, time.Duration(i)*time.Second)
		if most := (len(b.ends)*5 + 15) / 16; b.served[server] > most+1 { // 5/4 of a quarter, rounded up
			t.Fatalf("server %d has %d of %d", server, b.served[server], len(b.ends))
		}
	}
	for server, n := range b.served {
		if n == 0 {
			t.Errorf("server %d got nothing: %v", server, b.served)
		}
	}
	b.endUntil(time.Hour)
	if got := b.pickServer(7); got != home {
		t.Errorf("server %d, at first %d", got, home)
	}
}
