package cache

import (
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// Purge purges all that targets name, in every tier and on its way there: when
// it returns no Get answers with what was there before. A soft purge leaves
// entries to be served while they are made anew. Errors are the clock's.
func (c *Cache) Purge(mode purge.Mode, targets []purge.Target) (purge.Receipt, error) {
	r, err := c.cfg.Clock.Purge(mode, targets)
	if err == nil {
		c.Purged(mode)
	}
	return r, err
}

// Purged is told of a purge that the clock applied by itself, as it came from another server.
func (c *Cache) Purged(mode purge.Mode) {
	if mode == purge.Hard {
		c.startSweep()
	}
}

// A sweep asks the clock about each entry, a microsecond each, and nobody waits
// for what it frees: it takes no more than a tenth of one processor's time.
const (
	sweepAfter = time.Second
	sweepPart  = 10
)

// startSweep frees the memory of what was purged, a while after: it is not found any
// more anyhow. Several purges share a sweep.
func (c *Cache) startSweep() {
	if c.ram == nil || !c.sweeping.CompareAndSwap(false, true) {
		return
	}
	c.background.start(c.sweepPurged)
}

// sweepPurged sweeps until no purge has come meanwhile.
func (c *Cache) sweepPurged() {
	for pause := sweepAfter; ; {
		select {
		case <-c.background.ctx.Done():
			return
		case <-time.After(pause):
		}
		start, before := time.Now(), c.cfg.Clock.Applied()
		n := c.ram.dropAll(func(e *Entry) bool {
			hard, _ := c.purgedAt(e)
			return e.Seq < hard
		})
		c.updateStats(func(s *Stats) { s.Swept += uint64(n) })
		pause = max(sweepAfter, sweepPart*time.Since(start))
		c.sweeping.Store(false)
		// A purge that came meanwhile was left to this sweep.
		if c.cfg.Clock.Applied() == before || !c.sweeping.CompareAndSwap(false, true) {
			return
		}
	}
}
