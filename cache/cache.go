package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// Config configures a Cache.
type Config struct {
	// MaxBytes bounds what the RAM tier keeps, by Entry.Cost. 0 means that
	// nothing is kept; fills are still made once for all who ask meanwhile.
	MaxBytes int64
	// MaxEntryBytes bounds one entry of the RAM tier, by Entry.Cost; 0 means an
	// eighth of MaxBytes or, with a Lower tier to keep it, a fiftieth, up to 2
	// MiB; but at least 1 MiB. In any case it is at most MaxBytes.
	MaxEntryBytes int64
	// Lower are the tiers below the RAM tier, the first one asked first. The
	// Cache closes them.
	Lower []Tier
	// Clock says what was purged; nil for one without a log.
	Clock *purge.Clock
	// Pixels is the version of what makes pixels now. An entry of another one is
	// stale, however young.
	Pixels int
	// Classify says what a fill's error means for those who ask after it; nil
	// means that none is remembered, nor makes way for a stale entry.
	Classify func(error) Class
	// FillTimeout bounds a fill; 0 means 30 s.
	FillTimeout time.Duration
	// StaleWait is how long a fill may take before those who wait for it are given
	// an entry that may take its place, where there is one; 0 means 3 s.
	StaleWait time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	hash keyHash // tests make keys collide
}

// Fill makes a missing entry. Its context ends with FillTimeout or, until
// commit is called, when the last client that waits has left. A fill calls
// commit before the work that is too dear to throw away: from then on nobody's
// leaving ends it, and whoever comes joins it. Where the context has ended
// commit gives its cause. old is the entry that is there and no longer fresh,
// without its bytes, or nil; see Entry.Renew.
type Fill func(ctx context.Context, commit func() error, old *Entry) (*Entry, error)

// Outcome says how a Get was answered, in the words of RFC 9211.
type Outcome uint8

const (
	// Hit: the entry was there.
	Hit Outcome = iota
	// Miss: this client's request caused the fill.
	Miss
	// Collapsed: a fill under way, caused by somebody else, gave the answer.
	Collapsed
	// Expired: as Miss, and there was an entry that was no longer fresh.
	Expired
	// Stale: an entry that is no longer fresh, while it is made anew.
	Stale
	// StaleError: such an entry, because a new one could not be made in time.
	StaleError
	// Bypassed: as Miss, of a key whose entries may not be kept, so that nobody
	// waits for another's.
	Bypassed
)

// String is the outcome in small letters.
func (o Outcome) String() string {
	return [...]string{"hit", "miss", "collapsed", "expired", "stale", "stale-if-error", "bypassed"}[min(o, Bypassed)]
}

// ErrClosed: the cache was closed.
var ErrClosed = errors.New("cache is closed")

// Cache is safe for concurrent use.
type Cache struct {
	cfg             Config
	memory          *memory
	watcher         Watcher
	hits, lowerHits atomic.Uint64
	running         sync.WaitGroup
	// notes are what is known of keys that have no entry.
	notes *lru.Cache[digest, note]
	// landings count flights that left the table for a tier, by a part of their
	// keys' hash.
	landings  [256]atomic.Uint64
	promoting chan struct{}
	wantedUp  wantedUp
	sweeping  atomic.Bool
	// closing ends when the cache is closed, for what nobody waits for.
	closing context.Context
	end     context.CancelFunc

	mu      sync.Mutex
	flights map[Key]*flight
	// filling are all flights, also those that flights does not have.
	filling map[*flight]struct{}
	closed  bool
	stats   Stats
}

// New makes a Cache.
func New(cfg Config) (*Cache, error) {
	if cfg.FillTimeout <= 0 {
		cfg.FillTimeout = 30 * time.Second
	}
	if cfg.StaleWait <= 0 {
		cfg.StaleWait = 3 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.hash == nil {
		cfg.hash = seededHash()
	}
	if cfg.Classify == nil {
		cfg.Classify = func(error) Class { return Class{} }
	}
	var err error
	if cfg.Clock == nil {
		if cfg.Clock, err = purge.Open(purge.Config{}); err != nil {
			return nil, err
		}
	}
	c := &Cache{
		cfg: cfg, flights: map[Key]*flight{}, filling: map[*flight]struct{}{},
		promoting: make(chan struct{}, promotions),
	}
	c.closing, c.end = context.WithCancel(context.Background())
	if c.memory, err = newMemory(cfg); err != nil {
		return nil, err
	}
	c.notes, err = lru.New[digest, note](maxNotes)
	return c, err
}

// errAgain: what there was is no answer any more, and it is worth to look again.
var errAgain = errors.New("look again")

// Get answers from the cache, from a fill under way, or from a new one. It
// waits until ctx ends, whose cause is then the error; else errors are fill's
// own, or a Remembered one. The caller closes the entry.
func (c *Cache) Get(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	for {
		e, outcome, err := c.try(ctx, key, fill)
		if !errors.Is(err, errAgain) {
			return e, outcome, err
		}
		if ctx.Err() != nil {
			return nil, Miss, context.Cause(ctx)
		}
	}
}

// try is one round of Get.
func (c *Cache) try(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	seen, came := c.landingsOf(key).Load(), c.cfg.Clock.Applied()
	e, s := c.find(ctx, key)
	switch {
	case e == nil && ctx.Err() != nil: // perhaps it was not found for that
		return nil, Miss, context.Cause(ctx)
	case s == fresh:
		c.hit(e)
		if !e.Refresh.IsZero() && !c.cfg.Now().Before(e.Refresh) {
			c.refresh(key, fill, e)
		}
		return e, Hit, nil
	case s == stale:
		c.count(func(s *Stats) { s.Stale++ })
		c.refresh(key, fill, e)
		return e, Stale, nil
	}
	n := c.noted(key)
	if n.err != nil && !n.background {
		return c.despite(e, s, Miss, &Remembered{n.err})
	}
	a := ask{old: e, state: s, seen: seen, came: came, bypass: n.bypass}
	f, outcome, err := c.join(key, fill, a)
	if err != nil {
		return c.despite(e, gone, Miss, err)
	}
	if err := c.wait(ctx, key, f, outcome, a); err != nil {
		return c.despite(e, s, outcome, err)
	}
	got, outcome, err := c.landed(ctx, f, outcome, e)
	if e != nil && (got == nil || got.file != e.file) {
		e.Close()
	}
	return got, outcome, err
}

// wait waits for a flight. Somebody with an entry to fall back to does so only
// for a while, and has the flight go on without them. An error is not for
// somebody who joined the flight, where it is only of the one who started it, or
// tells of what there was before a purge after which they came.
func (c *Cache) wait(ctx context.Context, key Key, f *flight, outcome Outcome, a ask) error {
	var late <-chan time.Time
	if a.state == staleError {
		t := time.NewTimer(c.cfg.StaleWait - time.Since(f.started))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-f.done:
		if outcome == Collapsed && f.err != nil && (f.seq < a.came || c.cfg.Classify(f.err).Own) {
			return errAgain
		}
		return f.err
	case <-late:
		c.leave(key, f, true)
		return errLate
	case <-ctx.Done():
		c.leave(key, f, false)
		return context.Cause(ctx)
	}
}

// errLate: StaleWait is over.
var errLate = errors.New("the fill is late")

// landed is what a flight brought, if it is for this client. It is looked at
// again what was purged: the flight may have been on its way before this client
// came, and the purge in between. old is what the client found, and may have the
// bytes that the flight found to be still right.
func (c *Cache) landed(ctx context.Context, f *flight, outcome Outcome, old *Entry) (*Entry, Outcome, error) {
	e := f.entry
	switch hard, _ := c.purges(e); {
	case e.Seq < hard:
		return nil, outcome, errAgain
	case e.NoStore && outcome == Collapsed:
		return nil, outcome, errAgain // another's (RFC 9111 §4)
	case e.renewed && e.Body == nil && old != nil && old.InFile() && old.ETag == e.ETag:
		e = e.facts()
		e.file = old.file
	case e.renewed && e.Body == nil:
		e = c.inFile(ctx, e)
	}
	if e == nil {
		return nil, outcome, errAgain
	}
	return e, outcome, nil
}

// inFile opens an entry that was renewed in a lower tier, for somebody who came
// too late to find the old one there.
func (c *Cache) inFile(ctx context.Context, renewed *Entry) *Entry {
	for _, t := range c.cfg.Lower {
		e, ok := t.Get(ctx, renewed.Key)
		if !ok {
			continue
		}
		if e.ETag == renewed.ETag && e.Seq >= renewed.Seq {
			return e
		}
		e.Close()
	}
	return nil
}

// despite is the entry that takes the place of an error, where there is one
// that may: it was found before the wait, so what was purged is looked at again.
func (c *Cache) despite(e *Entry, s state, outcome Outcome, err error) (*Entry, Outcome, error) {
	if e == nil {
		return nil, outcome, err
	}
	if s == staleError && !errors.Is(err, errAgain) && (errors.Is(err, errLate) || c.cfg.Classify(err).Stale) {
		if c.Holds(e, StaleError) {
			c.count(func(s *Stats) { s.StaleErrors++ })
			return e, StaleError, nil
		}
		err = errAgain
	}
	e.Close()
	return nil, outcome, err
}

// Holds says whether an answer of Get is still one: it is not where, since then,
// its entry was purged, but for a soft purge of what was stale anyhow. Whoever
// waits between a Get and the first byte looks, and gets again.
func (c *Cache) Holds(e *Entry, o Outcome) bool {
	hard, soft := c.purges(e)
	return e.Seq >= hard && (e.Seq >= soft || o == Stale || o == StaleError)
}

// Lookup is Get without a fill: a fresh entry or nothing.
func (c *Cache) Lookup(key Key) (*Entry, bool) {
	e, s := c.find(context.Background(), key)
	switch {
	case s == fresh:
		c.hit(e)
		return e, true
	case e != nil:
		e.Close()
	}
	return nil, false
}

// find looks a key up in all tiers, and among the flights that are about to be
// in one: the first that has anything of use has the newest.
func (c *Cache) find(ctx context.Context, key Key) (*Entry, state) {
	if e, ok := c.memory.Get(ctx, key); ok {
		if s := c.judge(e); s > gone {
			c.use(e)
			return e, s
		}
		c.memory.forget(e)
	}
	if e := c.landing(key); e != nil {
		if s := c.judge(e); s > gone {
			return e, s
		}
	}
	for i, t := range c.cfg.Lower {
		e, ok := t.Get(ctx, key)
		if !ok {
			continue
		}
		s := c.judge(e)
		if s > gone {
			if s == fresh {
				c.promote(e, i)
			}
			return e, s
		}
		e.Close() // and leave it: there may be another one by now
	}
	return nil, gone
}

// landingsOf are the landings of a key, and of few others: whoever looks at slow
// tiers would else find that something has landed meanwhile for ever.
func (c *Cache) landingsOf(key Key) *atomic.Uint64 {
	return &c.landings[xxhash.Sum64String(string(key))%uint64(len(c.landings))]
}

// landing is the entry of a flight that the tiers are just taking up.
func (c *Cache) landing(key Key) *Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil && f.landed && f.entry.Body != nil {
		return f.entry
	}
	return nil
}

// useEvery is how often the lower tiers are told that the RAM tier's entry is
// in use, in seconds.
const useEvery = 600

// use keeps the lower tiers from losing first what is asked for most: its
// requests do not reach them.
func (c *Cache) use(e *Entry) {
	now := c.cfg.Now().Unix()
	if last := e.mark.used.Load(); now-last < useEvery || !e.mark.used.CompareAndSwap(last, now) || last == 0 {
		return
	}
	for _, t := range c.cfg.Lower {
		t.Use(e.Key)
	}
}

func (c *Cache) hit(e *Entry) {
	c.hits.Add(1)
	if e.InFile() {
		c.lowerHits.Add(1)
	}
}

func (c *Cache) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}
