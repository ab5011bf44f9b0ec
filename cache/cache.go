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
	ram     *ramTier
	watcher Watcher
	// flights are the fills that run, and outcomes how fills ended that left no entry.
	flights  *flight.Group[Key, *Entry]
	outcomes *negative.Table[Key, keyOutcome]

	background *background
	promoting  chan struct{}
	doorkeeper doorkeeper
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
