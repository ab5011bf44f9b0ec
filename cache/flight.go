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
	done   chan struct{} // closed when entry and err are set
	entry  *Entry
	err    error
	cancel context.CancelFunc

	// Guarded by the cache's lock.
	waiters   int
	committed bool // goes on without waiters
	landed    bool // finished well; in the table until the RAM tier has taken it
}

// errPanic: the fill ended without returning. The cause goes to whoever
// wrapped it, never to a client.
var errPanic = errors.New("fill panicked")

// join finds the flight for a key, or starts it. The event order that makes
// the second lookup necessary, with A's fill already running:
//
//  1. B looks the key up: not there.
//  2. A's flight lands: the RAM tier has its entry, the table forgets it.
//  3. B takes the lock and finds no flight.
//
// Without another look B would fill once more what is there already.
func (c *Cache) join(key Key, fill Fill) (f *flight, e *Entry, outcome Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f = c.flights[key]; f != nil {
		if f.landed && c.fresh(f.entry) {
			c.stats.Hits++
			return nil, f.entry, Hit
		}
		if !f.landed {
			f.waiters++
			c.stats.Collapsed++
			return f, nil, Collapsed
		}
	}
	if e, ok := c.lookup(key); ok {
		c.stats.Hits++
		return nil, e, Hit
	}
	if c.closed {
		return nil, nil, Miss
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.FillTimeout)
	f = &flight{done: make(chan struct{}), cancel: cancel, waiters: 1}
	c.flights[key] = f
	c.stats.Misses++
	c.stats.Fills++
	c.running.Add(1)
	go c.fly(ctx, key, f, fill)
	return f, nil, Miss
}

// fly runs a fill to its end, however it ends: also a panic or a Goexit must
// let those go who wait.
func (c *Cache) fly(ctx context.Context, key Key, f *flight, fill Fill) {
	defer c.running.Done()
	defer f.cancel()
	returned := false
	defer func() {
		if !returned {
			f.entry, f.err = nil, fmt.Errorf("%w: %v\n%s", errPanic, recover(), debug.Stack())
		}
		c.land(key, f)
	}()
	e, err := fill(ctx, func() error { return c.commit(ctx, f) })
	f.entry, f.err = sound(key, e, err)
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
	return e, nil
}

// land lets those go who wait, then stores. The flight stays in the table in
// between, so that whoever comes next finds the entry there.
func (c *Cache) land(key Key, f *flight) {
	var ttl time.Duration
	c.mu.Lock()
	keep := f.err == nil && !f.entry.NoStore && c.memory.takes(f.entry) && !c.overtaken(key, f)
	if keep {
		// Read once: to ristretto a TTL of 0 is for ever.
		ttl = f.entry.Expires.Sub(c.cfg.Now())
		keep = ttl > 0
	}
	if f.err != nil {
		c.stats.FillErrors++
	}
	if keep {
		f.landed = true
		c.flights[key] = f
		c.stats.PendingBytes += f.entry.Cost()
	} else if c.flights[key] == f {
		delete(c.flights, key)
	}
	c.mu.Unlock()
	close(f.done)
	if !keep {
		return
	}
	c.memory.set(f.entry, ttl)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.PendingBytes -= f.entry.Cost()
	if c.flights[key] == f {
		delete(c.flights, key)
	}
}

// overtaken says whether a flight that everybody had left, but that finished
// all the same, comes after one that was started later. The lock is held.
func (c *Cache) overtaken(key Key, f *flight) bool {
	if other := c.flights[key]; other != nil {
		return other != f
	}
	_, later := c.lookup(key)
	return later
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
// what is doomed.
func (c *Cache) leave(key Key, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiters--
	if f.waiters > 0 || f.landed || f.committed {
		return
	}
	f.cancel()
	if c.flights[key] == f {
		delete(c.flights, key)
	}
}
