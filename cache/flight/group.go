// Package flight runs a piece of work once for all callers that want it at the same time (singleflight).
//
// What it guarantees:
//   - Of each key at most one flight runs that a caller can join. Flights that bypass the table, or that all callers
//     have left, may run beside it.
//   - A flight belongs to no caller. The leader may leave, and the followers still get the outcome.
//   - With the last caller that leaves, the flight is canceled, unless it is committed.
//   - Callers that wait are let go however the work ends, also by a panic or by runtime.Goexit.
//   - A caller that looked for a stored value before it joins never starts a flight because it missed the completion
//     of another one in between: see Group.Completions.
package flight

import (
	"context"
	"errors"
	"hash/maphash"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrClosed is what Join returns after Close.
	ErrClosed = errors.New("flight: group is closed")
	// ErrRetryLookup says that the caller has to look for the value again, and then to join again.
	ErrRetryLookup = errors.New("look again")
)

// Config configures a Group.
type Config struct {
	// Timeout bounds a flight; see SetTimeout.
	Timeout time.Duration
	// Sequence is read at the start of each flight, before its work begins, with the lock held; nil for none.
	Sequence func() uint64
	// LeaderOnly says whether an error concerns the caller alone that started the flight, so that the others try
	// themselves; nil for no error.
	LeaderOnly func(error) bool
}

// Work is what one flight does. The group calls its methods without locks, one after the other; Run and Complete on
// the goroutine of the flight.
type Work[K comparable, V any] interface {
	// Run makes the value. ctx ends with the timeout, or when nobody waits for the flight any more.
	Run(ctx context.Context, f *Flight[K, V]) (V, error)
	// Complete comes after Run, however that ended. The flight is still in the table, so a negative entry that is
	// remembered here is there before the flight is gone. Where Complete has not called Deliver, the group does so
	// when it returns. A flight that Complete does not Forget stays in the table until the last caller has left.
	Complete(f *Flight[K, V])
	// Release comes when the work is over and all callers have left.
	Release(f *Flight[K, V])
}

// Group has the flights that are running, by their keys. It is safe for concurrent use.
type Group[K comparable, V any] struct {
	cfg Config
	// timeout is Config.Timeout at first, in nanoseconds.
	timeout atomic.Int64
	seed    maphash.Seed
	pending sync.WaitGroup
	// completions count the flights that settled, and those of them that left the table, by a part of their keys'
	// hash: with one count for all keys, a caller with slow lookups would find for ever that something has completed
	// meanwhile.
	completions [256]atomic.Uint64

	mu    sync.Mutex
	table map[K]*Flight[K, V]
	// running also has the flights that are not in the table.
	running map[*Flight[K, V]]struct{}
	closed  bool
}

// New makes a Group.
func New[K comparable, V any](cfg Config) *Group[K, V] {
	g := &Group[K, V]{
		cfg: cfg, seed: maphash.MakeSeed(),
		table: map[K]*Flight[K, V]{}, running: map[*Flight[K, V]]struct{}{},
	}
	g.SetTimeout(cfg.Timeout)
	return g
}

// SetTimeout changes Config.Timeout for flights that start from now on.
func (g *Group[K, V]) SetTimeout(d time.Duration) { g.timeout.Store(int64(d)) }

// Completions is a point in time of one key, to be taken before the caller looks for a stored value.
type Completions struct {
	count uint64
	taken bool
}

// Completions is how often a flight of a key has settled, or left the table after that. The order of events that makes
// it necessary, with A's flight already running:
//
//  1. B looks for a stored value, and for a settled flight: there is none.
//  2. A's flight settles, its value is stored, and the table forgets the flight.
//  3. B takes the lock and finds no flight.
//
// If B did not look again, it would make what is stored already. The same holds where A's flight has settled and is
// still in the table at 3.
func (g *Group[K, V]) Completions(key K) Completions {
	return Completions{g.completionCount(key).Load(), true}
}

func (g *Group[K, V]) completionCount(key K) *atomic.Uint64 {
	return &g.completions[maphash.Comparable(g.seed, key)%uint64(len(g.completions))]
}

// Caller says what a caller asks of the flight that it joins.
type Caller[K comparable, V any] struct {
	// CompletionsAtLookup is Completions of before the caller looked for a stored value. Where another flight has
	// completed since then, none is started. The zero value starts one in any case.
	CompletionsAtLookup Completions
	// Bypass has the caller start a flight of its own, which does not enter the table and which nobody joins.
	Bypass bool
	// Share says whether the caller can use the flight in the table, which may be done; nil means every flight that is
	// not settled. It is called with the lock held.
	Share func(f *Flight[K, V], done bool) bool
	// MayStart is asked, with the lock held, before a flight is started; its error is Join's.
	MayStart func() error
}

// Join finds the flight of a key, or starts one that does the work. The caller leaves it, by Leave or Detach; once a
// flight is done that Complete has forgotten, a caller need not leave where nothing is to be released. Errors are
// ErrRetryLookup, ErrClosed, and MayStart's.
func (g *Group[K, V]) Join(key K, work Work[K, V], c Caller[K, V]) (f *Flight[K, V], leader bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f = g.table[key]; f != nil && !c.Bypass && f.sharedLocked(c.Share) {
		f.state.waiters++
		return f, false, nil
	}
	at := c.CompletionsAtLookup
	switch {
	case at.taken && !c.Bypass && g.completionCount(key).Load() != at.count:
		return nil, false, ErrRetryLookup
	case g.closed:
		return nil, false, ErrClosed
	case c.MayStart != nil:
		if err := c.MayStart(); err != nil {
			return nil, false, err
		}
	}
	f = g.startLocked(key, work)
	f.state.waiters = 1
	if !c.Bypass {
		g.table[key] = f
	}
	go g.runFlight(f)
	return f, true, nil
}

func (f *Flight[K, V]) sharedLocked(share func(*Flight[K, V], bool) bool) bool {
	if share == nil {
		return !f.state.settled
	}
	return share(f, f.state.delivered)
}

// Start starts a committed flight that nobody waits for, unless there is one of the key, and reports whether it did.
func (g *Group[K, V]) Start(key K, work Work[K, V]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.table[key] != nil {
		return false
	}
	f := g.startLocked(key, work)
	f.state.committed = true
	g.table[key] = f
	go g.runFlight(f)
	return true
}

func (g *Group[K, V]) startLocked(key K, work Work[K, V]) *Flight[K, V] {
	f := &Flight[K, V]{
		Started: time.Now(), group: g, key: key, work: work, done: make(chan struct{}),
	}
	f.ctx, f.cancel = context.WithTimeout(context.Background(), time.Duration(g.timeout.Load()))
	if g.cfg.Sequence != nil {
		f.Seq = g.cfg.Sequence()
	}
	f.state.completions = g.completionCount(key).Load()
	g.running[f] = struct{}{}
	g.pending.Add(1)
	return f
}

// runFlight does the work of a flight. Whatever panics or exits in it, waiters are let go.
func (g *Group[K, V]) runFlight(f *Flight[K, V]) {
	defer g.finishFlight(f)
	returned := false
	defer func() {
		if !returned {
			var none V
			f.Value, f.Err = none, &PanicError{Cause: recover(), Stack: debug.Stack()}
		}
		f.work.Complete(f)
	}()
	f.Value, f.Err = f.work.Run(f.ctx, f)
	returned = true
}

// finishFlight ends the part that the run itself has in a flight.
func (g *Group[K, V]) finishFlight(f *Flight[K, V]) {
	defer g.pending.Done()
	defer f.cancel()
	g.mu.Lock()
	f.deliverLocked()
	f.state.finished = true
	released := f.state.waiters == 0
	if released {
		f.removeLocked()
	}
	delete(g.running, f)
	if f.state.over != nil {
		close(f.state.over)
	}
	g.mu.Unlock()
	if released {
		f.work.Release(f)
	}
}

// Lookup finds the flight of a key in the table, and says whether it is settled.
func (g *Group[K, V]) Lookup(key K) (f *Flight[K, V], settled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f = g.table[key]
	return f, f != nil && f.state.settled
}

// Len is how many flights are in the table.
func (g *Group[K, V]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.table)
}

// Running is how many flights have not finished.
func (g *Group[K, V]) Running() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.running)
}

// Close has no flight started any more, and cancels those that nobody waits for, committed ones included. The others
// go on.
func (g *Group[K, V]) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for f := range g.running {
		if f.state.waiters == 0 {
			f.cancel()
		}
	}
}

// Cancel cancels all flights.
func (g *Group[K, V]) Cancel() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for f := range g.running {
		f.cancel()
	}
}

// Wait waits after Close until all flights have finished; where ctx ends first it reports false.
func (g *Group[K, V]) Wait(ctx context.Context) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.pending.Wait()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
