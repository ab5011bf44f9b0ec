package cache

import (
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/negative"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// Cache is safe for concurrent use.
type Cache struct {
	cfg Config
	// fillTimeout is Config.FillTimeout at first, in nanoseconds.
	fillTimeout atomic.Int64
	ram         *ramTier
	watcher     Watcher
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
	c.fillTimeout.Store(int64(cfg.FillTimeout))
	if c.ram, err = newRAMTier(cfg); err != nil {
		return nil, err
	}
	c.attachBucket()
	c.outcomes, err = negative.New[Key, keyOutcome](maxOutcomes, cfg.Now)
	return c, err
}

// SetFillTimeout changes Config.FillTimeout, which must be above 0, for fills that start from now on.
func (c *Cache) SetFillTimeout(d time.Duration) {
	c.fillTimeout.Store(int64(d))
	c.flights.SetTimeout(d)
}
