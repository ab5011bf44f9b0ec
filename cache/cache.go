package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/negative"
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
	Classify func(error) ErrorClass
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
	cfg     Config
	ram  *ramTier
	watcher Watcher
	// flights are the fills that run, and outcomes how fills ended that left no entry.
	flights  *flight.Group[Key, *Entry]
	outcomes *negative.Table[Key, keyOutcome]

	background *background
	promoting  chan struct{}
	doorkeeper   doorkeeper
	sweeping   atomic.Bool
	counters   counters
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
		cfg.Classify = func(error) ErrorClass { return ErrorClass{} }
	}
	var err error
	if cfg.Clock == nil {
		if cfg.Clock, err = purge.Open(purge.Config{}); err != nil {
			return nil, err
		}
	}
	c := &Cache{cfg: cfg, background: newBackground(), promoting: make(chan struct{}, promotions)}
	c.flights = flight.New[Key, *Entry](flight.Config{
		Timeout:    cfg.FillTimeout,
		Sequence:   cfg.Clock.Applied,
		LeaderOnly: func(err error) bool { return cfg.Classify(err).LeaderOnly },
	})
	if c.ram, err = newRAMTier(cfg); err != nil {
		return nil, err
	}
	c.outcomes, err = negative.New[Key, keyOutcome](maxOutcomes, cfg.Now)
	return c, err
}

// errRetryLookup: what an attempt found is no answer any more, and another lookup may find one.
var errRetryLookup = errors.New("look again")

// Get answers from the cache, from a fill under way, or from a new one. It
// waits until ctx ends, whose cause is then the error; else errors are fill's
// own, or a Remembered one. The caller closes the entry.
func (c *Cache) Get(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	for {
		e, outcome, err := c.tryGet(ctx, key, fill)
		if !errors.Is(err, errRetryLookup) {
			return e, outcome, err
		}
		if ctx.Err() != nil {
			return nil, Miss, context.Cause(ctx)
		}
	}
}

// tryGet is one attempt of Get.
func (c *Cache) tryGet(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	a := attempt{completionsAtLookup: c.flights.Completions(key), arrivedAtSeq: c.cfg.Clock.Applied()}
	e, s := c.findUsable(ctx, key)
	switch {
	case e == nil && ctx.Err() != nil: // perhaps it was not found for that
		return nil, Miss, context.Cause(ctx)
	case s == fresh:
		c.countHit(e)
		if !e.Refresh.IsZero() && !c.cfg.Now().Before(e.Refresh) {
			c.refreshAhead(key, fill, e)
		}
		return e, Hit, nil
	case s == stale:
		c.updateStats(func(s *Stats) { s.Stale++ })
		c.refreshAhead(key, fill, e)
		return e, Stale, nil
	}
	n := c.negativeEntry(key)
	if n.err != nil && !n.background {
		return c.staleFallback(e, s, Miss, &Remembered{n.err})
	}
	a.found, a.state, a.bypass = e, s, n.bypass
	f, outcome, err := c.joinFlight(key, fill, a)
	if err != nil {
		return c.staleFallback(e, gone, Miss, err)
	}
	if err := c.waitForFlight(ctx, f, outcome, a); err != nil {
		return c.staleFallback(e, s, outcome, err)
	}
	got, outcome, err := c.resultFor(ctx, f, outcome, e)
	if e != nil && (got == nil || got.file != e.file) {
		e.Close()
	}
	return got, outcome, err
}

// waitForFlight waits for a flight to be done. A request that has a stale entry to fall back to waits only StaleWait,
// and the flight goes on without it. A follower looks again after an error that concerns the leader alone, and after
// one that tells of the time before a purge after which the follower came.
func (c *Cache) waitForFlight(ctx context.Context, f *entryFlight, outcome Outcome, a attempt) error {
	var late <-chan time.Time
	if a.state == staleError {
		t := time.NewTimer(c.cfg.StaleWait - time.Since(f.Started))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-f.Done():
		leader := outcome != Collapsed
		switch _, err := f.Outcome(leader); {
		case errors.Is(err, flight.ErrRetryLookup), err != nil && !leader && f.Seq < a.arrivedAtSeq:
			return errRetryLookup
		default:
			return err
		}
	case <-late:
		f.Detach()
		return errLate
	case <-ctx.Done():
		f.Leave()
		return context.Cause(ctx)
	}
}

// errLate: StaleWait is over.
var errLate = errors.New("the fill is late")

// resultFor is what a flight made, if it is an answer for this request. The purges are looked at once more: the flight
// may have been under way before the request came, and the purge in between. old is the entry that the request found,
// which may have the bytes that the flight found to be still right.
func (c *Cache) resultFor(ctx context.Context, f *entryFlight, outcome Outcome, old *Entry) (*Entry, Outcome, error) {
	e := f.Value
	switch hard, _ := c.purgedAt(e); {
	case e.Seq < hard:
		return nil, outcome, errRetryLookup
	case e.NoStore && outcome == Collapsed:
		return nil, outcome, errRetryLookup // it is another request's (RFC 9111 §4)
	case e.renewed && e.Body == nil && old != nil && old.InFile() && old.ETag == e.ETag:
		e = e.metadata()
		e.file = old.file
	case e.renewed && e.Body == nil:
		e = c.openInFile(ctx, e)
	}
	if e == nil {
		return nil, outcome, errRetryLookup
	}
	return e, outcome, nil
}

// openInFile opens an entry that was renewed in a lower tier, for a request that came too late to find the old one.
func (c *Cache) openInFile(ctx context.Context, renewed *Entry) *Entry {
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

// staleFallback is the entry that is served in place of an error, where there is one that may be. It was found before
// the wait, so the purges are looked at once more.
func (c *Cache) staleFallback(e *Entry, s state, outcome Outcome, err error) (*Entry, Outcome, error) {
	if e == nil {
		return nil, outcome, err
	}
	mayServe := !errors.Is(err, errRetryLookup) && (errors.Is(err, errLate) || c.cfg.Classify(err).Stale)
	if s == staleError && mayServe {
		if c.Holds(e, StaleError) {
			c.updateStats(func(s *Stats) { s.StaleErrors++ })
			return e, StaleError, nil
		}
		err = errRetryLookup
	}
	e.Close()
	return nil, outcome, err
}

// Holds says whether an answer of Get is still one: it is not where, since then,
// its entry was purged, but for a soft purge of what was stale anyhow. Whoever
// waits between a Get and the first byte looks, and gets again.
func (c *Cache) Holds(e *Entry, o Outcome) bool {
	hard, soft := c.purgedAt(e)
	return e.Seq >= hard && (e.Seq >= soft || o == Stale || o == StaleError)
}

// Lookup is Get without a fill: a fresh entry or nothing.
func (c *Cache) Lookup(key Key) (*Entry, bool) {
	e, s := c.findUsable(context.Background(), key)
	switch {
	case s == fresh:
		c.countHit(e)
		return e, true
	case e != nil:
		e.Close()
	}
	return nil, false
}

// findUsable looks a key up in all tiers, and among the settled flights. The first entry that is of any use is the
// newest.
func (c *Cache) findUsable(ctx context.Context, key Key) (*Entry, state) {
	if e, ok := c.ram.Get(ctx, key); ok {
		if s := c.stateOf(e); s > gone {
			c.markUsed(e)
			return e, s
		}
		c.ram.dropExact(e)
	}
	if e := c.settledEntry(key); e != nil {
		if s := c.stateOf(e); s > gone {
			return e, s
		}
	}
	for i, t := range c.cfg.Lower {
		e, ok := t.Get(ctx, key)
		if !ok {
			continue
		}
		s := c.stateOf(e)
		if s > gone {
			if s == fresh {
				c.startPromotion(e, i)
			}
			return e, s
		}
		e.Close() // and leave it: there may be another one by now
	}
	return nil, gone
}

// settledEntry is the entry of a flight that the tiers are about to store.
func (c *Cache) settledEntry(key Key) *Entry {
	if f, settled := c.flights.Lookup(key); settled && f.Value.Body != nil {
		return f.Value
	}
	return nil
}

// useEvery is how often the lower tiers are told that the RAM tier's entry is
// in use, in seconds.
const useEvery = 600

// markUsed keeps the lower tiers from evicting the most popular entries first: requests for those do not reach them.
func (c *Cache) markUsed(e *Entry) {
	now := c.cfg.Now().Unix()
	if last := e.readState.usedAt.Load(); now-last < useEvery || !e.readState.usedAt.CompareAndSwap(last, now) || last == 0 {
		return
	}
	for _, t := range c.cfg.Lower {
		t.Use(e.Key)
	}
}
