package main

import (
	"container/heap"
	"math/rand/v2"
	"sort"
	"time"
)

// balancing is how requests are given to servers.
type balancing string

const (
	// random: to any of them.
	random balancing = "random"
	// hashed: by source, with consistent hashing, and to no server more than so much of its share of the requests under
	// way. That is what docs/deploy/haproxy.cfg says.
	hashed balancing = "hashed, bounded"
	// unbounded is hashed without the bound.
	unbounded balancing = "hashed"
)

// ringPoints is how many places on the ring a server has for each unit of its weight, as in HAProxy.
const ringPoints = 16

// ringConfig is what HAProxy is told of hashing.
type ringConfig struct {
	// Weight is that of each server.
	Weight int
	// Bound is how much of its share of the requests under way a server gets at most, in percent (hash-balance-factor).
	Bound int
}

// balancer gives the requests of one trace to servers.
type balancer struct {
	ringConfig
	kind    balancing
	servers int
	random  *rand.Rand
	ring    []ringPoint
	underWay
}

// ringPoint is one of the places of a server.
type ringPoint struct {
	at     uint64
	server int
}

func newBalancer(kind balancing, servers int, c ringConfig, seed uint64) *balancer {
	b := &balancer{ringConfig: c, kind: kind, servers: servers, random: rand.New(rand.NewPCG(seed, 1))}
	b.served = make([]int, servers)
	for server := range servers {
		for i := range ringPoints * c.Weight {
			at := mix(mix(seed^uint64(server)<<32) ^ uint64(i))
			b.ring = append(b.ring, ringPoint{at, server})
		}
	}
	sort.Slice(b.ring, func(i, j int) bool { return b.ring[i].at < b.ring[j].at })
	return b
}

// pickServer picks the server of a request for an image.
func (b *balancer) pickServer(image uint32) int {
	if b.kind == random {
		return b.random.IntN(b.servers)
	}
	at := mix(uint64(image) ^ 0x5ca1ab1e)
	start := sort.Search(len(b.ring), func(i int) bool { return b.ring[i].at >= at })
	for i := range b.ring {
		p := b.ring[(start+i)%len(b.ring)]
		if b.kind == unbounded || b.served[p.server] < b.share(p.server) {
			return p.server
		}
	}
	return b.ring[start%len(b.ring)].server
}

// share is how many requests under way a server may have: Bound percent of all, with the one to come, are shared out
// evenly, and each server may have one.
func (b *balancer) share(server int) int {
	all := ((len(b.ends)+1)*b.Bound + 99) / 100
	return max((server+1)*all/b.servers-server*all/b.servers, 1)
}

// underWay are the requests that have not ended.
type underWay struct {
	served []int
	ends   endings
}

// ending is when a request ends.
type ending struct {
	at     time.Duration
	server int
}

func (u *underWay) begin(server int, until time.Duration) {
	u.served[server]++
	heap.Push(&u.ends, ending{until, server})
}

// endUntil ends the requests that are over by then.
func (u *underWay) endUntil(now time.Duration) {
	for len(u.ends) > 0 && u.ends[0].at <= now {
		u.served[heap.Pop(&u.ends).(ending).server]--
	}
}

// endings is a heap, the first one to end at the top.
type endings []ending

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].at < e[j].at }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endings) Push(x any)        { *e = append(*e, x.(ending)) }
func (e *endings) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
