package proxy

import (
	"errors"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// Shares are the parts of the memory limit that the server deals out: in
// bytes, all but Workers, Fetches and Connections.
type Shares struct {
	// Workers is how many jobs may take place at once, Fetches how many
	// sources are fetched: many times what one host is given, so that slow ones
	// do not hold up the others.
	Workers, Fetches int
	// Connections is how many clients may be connected at once, of a server
	// that LimitListener was called for, and PerConnection what each takes, in bytes.
	// What those do not take who are not there, transforms may have.
	Connections   int
	PerConnection int64
	// Bodies is for sources in flight, Transforms for the working sets of
	// jobs, Sending for results on their way to clients.
	Bodies, Transforms, Sending int64
	// Cache is what the entries of the RAM cache may cost.
	Cache int64
	// Heap is what Go's own memory is held to, the cache included
	// (debug.SetMemoryLimit, of the whole process); 0 leaves it alone.
	Heap int64
	// Limit is what all of these are parts of, LimitFrom says where it is from,
	// OfCgroup that it is the one of the memory cgroup, which may hold others
	// than pictor, and Plan how it is split; for looking at what is really in
	// use, and for showing it.
	Limit     int64
	LimitFrom string
	OfCgroup  bool
	Plan      []Part
	// Alone is what one job and all sources may take together when there is
	// no other job, nothing in the cache, and no more than 64 clients; 0 means
	// no more than Transforms.
	Alone int64
}

// aloneClients is how many clients Alone allows for.
const aloneClients = 64

// transforms is what jobs may take while so many clients are connected.
func (sh Shares) transforms(clients int) int64 {
	return sh.Transforms + int64(max(sh.Connections-clients, 0))*sh.PerConnection
}

// alone is what a job by itself may take while so many clients are connected.
func (sh Shares) alone(clients int) int64 {
	return sh.Alone - int64(max(clients-aloneClients, 0))*sh.PerConnection
}

// accounts admit what takes place: by bytes, and fetches and jobs by number, so
// that those who wait do so here and not with a connection or a working set in
// their hands.
type accounts struct {
	fetches, slots, bodies, transforms *budget.Budget
	// sending is for large results, small for the others.
	sending, small *budget.Budget
	// turn has room for one job that has all to itself.
	turn *budget.Budget
}

func newAccounts(sh Shares, wait time.Duration) (accounts, error) {
	var a accounts
	small, large := memory.SplitResponses(sh.Sending)
	for into, capacity := range map[**budget.Budget]int64{
		&a.fetches: int64(sh.Fetches), &a.slots: int64(sh.Workers), &a.turn: 1,
		&a.bodies: sh.Bodies, &a.transforms: sh.Transforms, &a.sending: large, &a.small: small,
	} {
		var err error
		sends := into == &a.sending || into == &a.small // whose readers are cut off for others
		if *into, err = budget.New(budget.Config{Capacity: capacity, MaxWait: wait, TakenBack: sends}); err != nil {
			return a, err
		}
	}
	return a, nil
}

// shares are the ones in force, and what of them is given to others for now.
type shares struct {
	mu  sync.Mutex
	now Shares
	// yielded: the cache gives way to a job, and has only so much.
	yielded bool
	cache   int64
	// level is the part of the cache and of transforms that memory allows, at
	// most 1.
	level float64
	// others is what other programs in the same cgroup take, in bytes.
	others int64
	// settled is the others that the shares in force allow for.
	settled int64
}

// Resize puts other shares in force. What was admitted by the old ones goes on
// to its end, so it takes a while until the new ones hold.
func (s *Server) Resize(sh Shares) error {
	if sh.Workers <= 0 || sh.Fetches <= 0 || sh.Connections <= 0 || sh.Bodies <= 0 || sh.Transforms <= 0 || sh.Sending <= 0 {
		return errors.New("proxy: a share is missing")
	}
	s.connections.Resize(sh.Connections) // without the lock, which closing a connection wants
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	s.shares.now = sh
	s.accounts.slots.Resize(int64(sh.Workers))
	s.accounts.fetches.Resize(int64(sh.Fetches))
	s.turns.serve()
	s.accounts.bodies.Resize(sh.Bodies)
	small, large := memory.SplitResponses(sh.Sending)
	s.accounts.small.Resize(small)
	s.accounts.sending.Resize(large)
	s.settle()
	return nil
}

// settle puts the shares in force, less what is given to others for now. What
// the cache and absent clients give up must not be taken by garbage, so the
// heap is held to less by that. The lock is held.
func (s *Server) settle() {
	sh, clients := s.shares.now, s.connections.RoundedCount()
	if !s.shares.yielded {
		s.shares.cache = sh.Cache
	}
	lent, keep, transforms := sh.beside(s.shares.others, sh.transforms(clients)-sh.Transforms)
	keep = min(keep, s.shares.cache, int64(float64(sh.Cache)*s.shares.level))
	s.cfg.Cache.Resize(keep)
	s.accounts.transforms.Resize(max(int64(float64(transforms+lent)*s.shares.level), 1))
	if sh.Heap > 0 {
		debug.SetMemoryLimit(sh.Heap - lent - int64(float64(max(sh.Cache-keep, 0))*garbage))
	}
}

// beside is what is left of the shares beside so many bytes that others take:
// they come out of what clients that are not there lend, then out of the
// cache, then out of the transforms, of which an eighth stays in any case.
func (sh Shares) beside(others, lend int64) (lent, cache, transforms int64) {
	n := min(others, lend)
	lent, others = lend-n, others-n
	n = min(int64(float64(others)/garbage), sh.Cache-int64(float64(sh.Cache)*tightest))
	cache, others = sh.Cache-n, max(others-int64(math.Ceil(float64(n)*garbage+1)), 0)
	n = min(others, sh.Transforms-int64(float64(sh.Transforms)*tightest))
	return lent, cache, sh.Transforms - n
}

// aloneBeside is what a job by itself may take now.
func (s *Server) aloneBeside(clients int) int64 {
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	return s.shares.now.alone(clients) - s.shares.others
}

// clientLimit is how many clients may be connected now: not those whose share
// is in use by jobs, nor more than a job that runs alone allows for.
func (s *Server) clientLimit() int {
	sh := s.sharesNow()
	if beside := s.clientsBeside.Load(); beside > 0 {
		return int(beside)
	}
	// For the second or two that those jobs take clients may be too many, by
	// what the slack (a tenth of the limit) is: few use it at the same time.
	lent := s.accounts.transforms.Stats().InUse - sh.Transforms - sh.Limit/10
	if lent <= 0 || sh.PerConnection <= 0 {
		return sh.Connections
	}
	return max(sh.Connections-int(lent/sh.PerConnection), aloneClients)
}

// clientsChanged lends transforms what clients leave of their share.
func (s *Server) clientsChanged() {
	s.activity.Add(1)
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	s.settle()
}

// pressed: memory runs short.
func (s *Server) pressed() bool {
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	return s.shares.level < 1
}

func (s *Server) sharesNow() Shares {
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	return s.shares.now
}
