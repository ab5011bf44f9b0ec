package proxy

import (
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// Shares are the parts of the memory limit that the server deals out: in
// bytes, all but Workers and Connections.
type Shares struct {
	// Workers is how many jobs may take place at once.
	Workers int
	// Connections is how many clients may be connected at once, of a server
	// that Bound was called for.
	Connections int
	// Bodies is for sources in flight, Transforms for the working sets of
	// jobs, Sending for results on their way to clients.
	Bodies, Transforms, Sending int64
	// Cache is what the entries of the RAM cache may cost.
	Cache int64
	// Heap is what Go's own memory is held to, the cache included
	// (debug.SetMemoryLimit, of the whole process); 0 leaves it alone.
	Heap int64
	// Alone is what one job and all sources may take together when there is
	// no other job and nothing in the cache; 0 means no more than Transforms.
	Alone int64
}

// maxFetches is how many sources are fetched at once: many times what one
// host is given, so that slow ones do not hold up the others.
const maxFetches = 256

// accounts admit what takes place: by bytes, and fetches and jobs by number, so
// that those who wait do so here and not with a connection or a working set in
// their hands.
type accounts struct {
	fetches, slots, bodies, transforms, sending *budget.Budget
	// turn has room for one job that has all to itself.
	turn *budget.Budget
}

func newAccounts(sh Shares, wait time.Duration) (accounts, error) {
	var a accounts
	for into, capacity := range map[**budget.Budget]int64{
		&a.fetches: maxFetches, &a.slots: int64(sh.Workers), &a.turn: 1,
		&a.bodies: sh.Bodies, &a.transforms: sh.Transforms, &a.sending: sh.Sending,
	} {
		var err error
		if *into, err = budget.New(budget.Config{Capacity: capacity, MaxWait: wait}); err != nil {
			return a, err
		}
	}
	return a, nil
}

// shares are the ones in force. Two want to size the cache: who changes the
// shares, and a job that makes it give way for as long as it runs.
type shares struct {
	mu      sync.Mutex
	now     Shares
	yielded bool
}

// Resize puts other shares in force. What was admitted by the old ones goes on
// to its end, so it takes a while until the new ones hold.
func (s *Server) Resize(sh Shares) error {
	if sh.Workers <= 0 || sh.Connections <= 0 || sh.Bodies <= 0 || sh.Transforms <= 0 || sh.Sending <= 0 {
		return errors.New("proxy: a share is missing")
	}
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	s.shares.now = sh
	s.gate.resize(sh.Connections)
	s.accounts.slots.Resize(int64(sh.Workers))
	s.accounts.bodies.Resize(sh.Bodies)
	s.accounts.transforms.Resize(sh.Transforms)
	s.accounts.sending.Resize(sh.Sending)
	if !s.shares.yielded {
		s.shares.hold(s.cfg.Cache, sh.Cache)
	}
	return nil
}

// hold gives the cache so much and the heap what belongs to it: what the cache
// gives up must not be taken by garbage. The lock is held.
func (sh *shares) hold(c *cache.Cache, bytes int64) {
	c.Resize(bytes)
	if sh.now.Heap > 0 {
		debug.SetMemoryLimit(sh.now.Heap - int64(float64(sh.now.Cache-bytes)*garbage))
	}
}

func (s *Server) sharesNow() Shares {
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	return s.shares.now
}
