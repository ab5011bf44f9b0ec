package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// flight is one fill on its way, and who waits for it.
type flight struct {
	done    chan struct{} // closed when entry and err are set
	stored  chan struct{} // closed when the tiers have the entry, or never will
	entry   *Entry
	err     error
	cancel  context.CancelFunc
	started time.Time
	// old is what the fill may find to be still right.
	old *Entry
	// seq is the purge clock's at its start, landings how many flights had landed.
	seq, landings uint64

	// Guarded by the cache's lock.
	waiters   int
	committed bool // goes on without waiters
	landed    bool // finished well; in the table until the tiers have taken it
}

// errPanic: the fill ended without returning. The cause goes to whoever
// wrapped it, never to a client.
var errPanic = errors.New("fill panicked")

// ask is what a round of Get knows when it joins a flight.
type ask struct {
	// old is what was found, and state what it is good for.
	old   *Entry
	state state
	// seen is how many flights had landed before the tiers were looked at, came
	// the purge clock's then.
	seen, came uint64
	// bypass keeps the flight out of the table: nobody else joins it.
	bypass bool
}

// join finds the flight for a key, or starts it. The event order that makes
// seen necessary, with A's fill already running:
//
//  1. B looks the key up: not there.
//  2. A's flight lands: a tier has its entry, the table forgets it.
//  3. B takes the lock and finds no flight.
//
// Without another look B would fill once more what is there already.
func (c *Cache) join(key Key, fill Fill, a ask) (f *flight, outcome Outcome, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f = c.flights[key]; {
	case a.bypass:
		outcome = Bypassed
		c.stats.Bypassed++
	case f != nil && !f.landed:
		f.waiters++
		c.stats.Collapsed++
		return f, Collapsed, nil
	case c.landingsOf(key).Load() != a.seen:
		return nil, Miss, errAgain
	case a.old != nil:
		outcome = Expired
	default:
		outcome = Miss
	}
	if c.closed {
		return nil, Miss, ErrClosed
	}
	c.stats.Misses++
	f = c.start(key, fill, a)
	f.waiters = 1
	return f, outcome, nil
}

// refresh starts a flight that nobody waits for, unless there is one, or the
// last one failed just now.
func (c *Cache) refresh(key Key, fill Fill, old *Entry) {
	if n := c.noted(key); n.err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.flights[key] != nil {
		return
	}
	c.stats.Refreshes++
	c.start(key, fill, ask{old: old}).committed = true
}

// start starts a flight. The lock is held.
func (c *Cache) start(key Key, fill Fill, a ask) *flight {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.FillTimeout)
	f := &flight{done: make(chan struct{}), stored: make(chan struct{}), cancel: cancel, started: time.Now(), seq: c.cfg.Clock.Applied(), landings: c.landingsOf(key).Load()}
	if a.old != nil {
		f.old = a.old.facts()
		f.old.Body, f.old.hold = a.old.Body, a.old.hold
	}
	if !a.bypass {
		c.flights[key] = f
	}
	c.stats.Fills++
	c.filling[f] = struct{}{}
	c.running.Add(1)
	go c.fly(ctx, key, f, fill)
	return f
}

// fly runs a fill to its end, however it ends: also a panic or a Goexit must
// let those go who wait.
func (c *Cache) fly(ctx context.Context, key Key, f *flight, fill Fill) {
	defer c.running.Done()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.filling, f)
	}()
	defer f.cancel()
	returned := false
	var made *Entry
	defer func() {
		if !returned {
			f.entry, f.err = nil, fmt.Errorf("%w: %v\n%s", errPanic, recover(), debug.Stack())
		}
		c.land(key, f)
		close(f.stored)
		if made != nil && c.watcher != nil {
			c.watcher.Landed(made)
		}
	}()
	var err error
	made, err = fill(ctx, func() error { return c.commit(ctx, f) }, f.old)
	f.entry, f.err = sound(key, made, err)
	returned = true
}

// sound refuses what must not be handed out as a key's entry.
func sound(key Key, e *Entry, err error) (*Entry, error) {
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, errors.New("fill gave neither an entry nor an error")
	case e.Key != key:
		return nil, errors.New("fill gave the entry of another key")
	}
	e.mark = &mark{}
	if e.hold == nil {
		e.hold = &hold{}
	}
	if e.Body == nil && !e.renewed {
		e.Body = []byte{} // none at all means: in a lower tier
	}
	return e, nil
}

// land lets those go who wait, then stores. The flight stays in the table in
// between, so that whoever comes next finds the entry there. Of an entry whose
// bytes are in a lower tier they find nothing before its facts are there, too,
// so it is the other way round. A flight that shows that an entry is to go is in
// the table until that is gone from all tiers.
func (c *Cache) land(key Key, f *flight) {
	c.mu.Lock()
	keep := f.err == nil && !f.entry.NoStore && c.judge(f.entry) > gone && !c.overtaken(key, f)
	c.take(key, f)
	if f.err != nil {
		c.stats.FillErrors++
	}
	write := false
	if keep {
		if f.entry.renewed {
			c.stats.Renewed++
		}
		f.landed = true
		c.flights[key] = f
		write = c.stats.PendingBytes <= writeBehind
		c.stats.PendingBytes += f.entry.Cost()
	}
	c.mu.Unlock()
	if keep && f.entry.Body == nil {
		c.store(f.entry, true)
	}
	if f.old != nil && c.ends(f) {
		c.drop(key)
	}
	if !keep {
		c.mu.Lock()
		c.forgetFlight(key, f)
		c.mu.Unlock()
		close(f.done)
		return
	}
	close(f.done)
	if f.entry.Body != nil {
		c.store(f.entry, write)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.PendingBytes -= f.entry.Cost()
	c.forgetFlight(key, f)
	c.landingsOf(key).Add(1)
}

// forgetFlight takes a flight out of the table, unless another one has its
// place. The lock is held.
func (c *Cache) forgetFlight(key Key, f *flight) {
	if c.flights[key] == f {
		delete(c.flights, key)
	}
}

// ends says whether a flight shows that what there was is no answer any more:
// its source is not there, or not for everybody.
func (c *Cache) ends(f *flight) bool {
	if f.err != nil {
		return c.truth(f.err)
	}
	return f.entry.NoStore
}

// drop forgets an entry in all tiers.
func (c *Cache) drop(key Key) {
	c.memory.Drop(key)
	for _, t := range c.cfg.Lower {
		t.Drop(key)
	}
}

// writeBehind is how much may wait for the lower tiers, in bytes. What comes
// beyond that they do not get.
const writeBehind = 8 << 20

// store gives an entry to the tiers.
func (c *Cache) store(e *Entry, write bool) {
	taken := e.Body != nil && c.memory.Put(e)
	if !taken {
		// What is on its way up from below may have taken the place meanwhile.
		defer c.memory.Drop(e.Key)
	}
	for _, t := range c.cfg.Lower {
		switch {
		case !write:
			// What the key had is older than what it would have now.
			t.Drop(e.Key)
			c.count(func(s *Stats) { s.Unwritten++ })
		case e.renewed && t.Renew(e):
		case e.Body != nil:
			t.Put(e)
		default:
			t.Drop(e.Key) // or it would be found not to be fresh for ever
		}
	}
}

// overtaken says whether a flight that everybody had left, but that finished all
// the same, comes after one that was started later: that is in the table, or has
// landed. The lock is held.
func (c *Cache) overtaken(key Key, f *flight) bool {
	if other := c.flights[key]; other != nil {
		return other != f
	}
	return c.landingsOf(key).Load() != f.landings
}

// commit and leave take the same lock, so one of them comes first: the fill
// goes on, or commit tells it that it does not.
func (c *Cache) commit(ctx context.Context, f *flight) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.committed = true
	return nil
}

// leave is a client that stops waiting. With the last one, unless the fill is
// committed, its context ends, and the table forgets it: nobody new may join
// what is doomed. One that wants it to goes on in any case, but for a cache that
// is being closed.
func (c *Cache) leave(key Key, f *flight, goOn bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiters--
	f.committed = f.committed || goOn
	if f.waiters > 0 || f.landed || f.committed && !c.closed {
		return
	}
	f.cancel()
	c.forgetFlight(key, f)
}
