package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Config configures a Cache.
type Config struct {
	// MaxBytes bounds what the RAM tier keeps, by Entry.Cost. 0 means that
	// nothing is kept; fills are still made once for all who ask meanwhile.
	MaxBytes int64
	// MaxEntryBytes bounds one entry, by Entry.Cost; 0 means an eighth of
	// MaxBytes, but at least 1 MiB. In any case it is at most MaxBytes.
	MaxEntryBytes int64
	// FillTimeout bounds a fill; 0 means 30 s.
	FillTimeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	hash keyHash // tests make keys collide
}

// Fill makes a missing entry. Its context ends with FillTimeout or, until
// commit is called, when the last client that waits has left. A fill calls
// commit before the work that is too dear to throw away: from then on nobody's
// leaving ends it, and whoever comes joins it. Where the context has ended
// commit gives its cause.
type Fill func(ctx context.Context, commit func() error) (*Entry, error)

// Outcome says how a Get was answered, in the words of RFC 9211.
type Outcome uint8

const (
	// Hit: the entry was there.
	Hit Outcome = iota
	// Miss: this client's request caused the fill.
	Miss
	// Collapsed: a fill under way, caused by somebody else, gave the answer.
	Collapsed
)

// String is the outcome in small letters.
func (o Outcome) String() string { return [...]string{"hit", "miss", "collapsed"}[min(o, Collapsed)] }

// ErrClosed: the cache was closed.
var ErrClosed = errors.New("cache is closed")

// Cache is safe for concurrent use.
type Cache struct {
	cfg     Config
	memory  *memory
	hits    atomic.Uint64
	running sync.WaitGroup

	mu      sync.Mutex
	flights map[Key]*flight
	closed  bool
	stats   Stats
}

// Stats is a snapshot of a Cache. The counters never fall before Close.
type Stats struct {
	// Hits, Misses and Collapsed count Gets (and Lookups that hit), Fills
	// what was run and FillErrors how many of those failed.
	Hits, Misses, Collapsed, Fills, FillErrors uint64
	// Flights are fills under way or not yet taken by the RAM tier, with
	// PendingBytes of the latter.
	Flights      int
	PendingBytes int64
	// Entries is how many the RAM tier holds, Bytes what they take of MaxBytes.
	Entries, Bytes, MaxBytes int64
	// Dropped and Rejected are entries that ristretto did not take: it was
	// too busy, or held those it has to be worth more. Evicted are those that
	// left again: pushed out, past their end, or replaced. Collisions are
	// lookups that found another key's entry in their place.
	Dropped, Rejected, Evicted, Collisions uint64
}

// New makes a Cache.
func New(cfg Config) (*Cache, error) {
	if cfg.FillTimeout <= 0 {
		cfg.FillTimeout = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.hash == nil {
		cfg.hash = seededHash()
	}
	m, err := newMemory(cfg.MaxBytes, cfg.MaxEntryBytes, cfg.hash)
	if err != nil {
		return nil, err
	}
	return &Cache{cfg: cfg, memory: m, flights: map[Key]*flight{}}, nil
}

// Get answers from the cache, from a fill under way, or from a new one. It
// waits until ctx ends, whose cause is then the error; else errors are fill's
// own. A failed fill is not remembered.
func (c *Cache) Get(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	if e, ok := c.lookup(key); ok {
		c.hits.Add(1)
		return e, Hit, nil
	}
	f, e, outcome := c.join(key, fill)
	switch {
	case e != nil:
		return e, outcome, nil
	case f == nil:
		return nil, outcome, ErrClosed
	}
	select {
	case <-f.done:
		return f.entry, outcome, f.err
	case <-ctx.Done():
		c.leave(key, f)
		return nil, outcome, context.Cause(ctx)
	}
}

// Lookup is Get without a fill.
func (c *Cache) Lookup(key Key) (*Entry, bool) {
	e, ok := c.lookup(key)
	if !ok {
		c.mu.Lock()
		if f := c.flights[key]; f != nil && f.landed && c.fresh(f.entry) {
			e, ok = f.entry, true
		}
		c.mu.Unlock()
	}
	if ok {
		c.hits.Add(1)
	}
	return e, ok
}

func (c *Cache) lookup(key Key) (*Entry, bool) {
	e, ok := c.memory.get(key)
	if !ok || !c.fresh(e) {
		return nil, false
	}
	return e, true
}

func (c *Cache) fresh(e *Entry) bool { return c.cfg.Now().Before(e.Expires) }

// Resize changes MaxBytes. When it returns the RAM tier counts no more than
// that; the heap has the memory again after the next garbage collection. A
// tier that was made without any stays without.
func (c *Cache) Resize(maxBytes int64) {
	if c.memory != nil {
		c.memory.resize(maxBytes)
	}
}

// Stats is a snapshot.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	s := c.stats
	s.Flights = len(c.flights)
	c.mu.Unlock()
	s.Hits += c.hits.Load()
	c.memory.report(&s)
	return s
}

// Close waits for the fills under way, then closes the RAM tier, which must
// not be written to after that. A Get after it hits nothing and fills nothing.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.running.Wait()
	c.memory.close()
}
