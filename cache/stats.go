package cache

import (
	"sync"
	"sync/atomic"
)

// Stats is a snapshot of a Cache. The counters never fall before Close.
type Stats struct {
	// Hits, Misses and Collapsed count Gets, Fills what was run and FillErrors how many of those failed. A Get of an
	// entry that is no longer fresh is a miss, too.
	Hits, Misses, Collapsed, Fills, FillErrors uint64
	// LowerHits is how many of the Hits were in a lower tier.
	LowerHits uint64
	// Stale and StaleErrors count answers that were no longer fresh: while a
	// fill was under way, and because it could not be had. Refreshes are fills
	// that nobody waited for at first, Renewed those that found the old bytes to
	// be right.
	Stale, StaleErrors, Refreshes, Renewed uint64
	// Remembered are answers with an error from before, Bypassed fills of keys
	// whose entries may not be kept.
	Remembered, Bypassed uint64
	// Flights are fills under way or not yet taken by the tiers, with
	// PendingBytes of the latter.
	Flights      int
	PendingBytes int64
	// Entries is how many the RAM tier holds, Bytes what they take of MaxBytes.
	Entries, Bytes, MaxBytes int64
	// Dropped and Rejected are entries that ristretto did not take: it was
	// too busy, or held those it has to be worth more. Evicted are those that
	// left again: pushed out, past their end, or replaced. Collisions are
	// lookups that found another key's entry in their place. Swept are those
	// that were purged and then removed.
	Dropped, Rejected, Evicted, Collisions, Swept uint64
	// Promoted are entries that were copied up into the RAM tier, Unwritten
	// those that the lower tiers did not get, for want of time.
	Promoted, Unwritten uint64
}

// counters are what Stats reads. Those of hits are apart, so that hits take no lock.
type counters struct {
	hits, lowerHits atomic.Uint64

	mu    sync.Mutex
	stats Stats
}

// updateStats changes the counters.
func (c *Cache) updateStats(change func(*Stats)) {
	c.counters.mu.Lock()
	defer c.counters.mu.Unlock()
	change(&c.counters.stats)
}

func (c *Cache) countHit(e *Entry) {
	c.counters.hits.Add(1)
	if e.InFile() {
		c.counters.lowerHits.Add(1)
	}
	if c.cfg.Bucket != nil {
		c.cfg.Bucket.used(e)
	}
}

// Stats is a snapshot.
func (c *Cache) Stats() Stats {
	var s Stats
	flights := c.flights.Len() // read first: what was in the table is counted
	c.updateStats(func(now *Stats) { s = *now })
	s.Flights = flights
	s.Hits, s.LowerHits = c.counters.hits.Load(), c.counters.lowerHits.Load()
	c.ram.addStats(&s)
	return s
}

// Resize changes MaxBytes. When it returns the RAM tier counts no more than
// that; the heap has the memory again after the next garbage collection. A
// tier that was made without any stays without.
func (c *Cache) Resize(maxBytes int64) {
	if c.ram != nil {
		c.ram.setMaxBytes(maxBytes)
	}
}
