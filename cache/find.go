package cache

import (
	"context"
	"time"
)

// findUsable looks a key up in all tiers, and among the settled flights. The first entry that is of any use is the
// newest.
func (c *Cache) findUsable(ctx context.Context, key Key) (*Entry, state) {
	if e, ok := c.ram.Get(ctx, key); ok {
		if s := c.stateOf(e); s > gone {
			c.markUsed(e, c.cfg.Now())
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
func (c *Cache) markUsed(e *Entry, at time.Time) {
	now := at.Unix()
	usedAt := &e.readState.usedAt
	if last := usedAt.Load(); now-last < useEvery || !usedAt.CompareAndSwap(last, now) || last == 0 {
		return
	}
	for _, t := range c.cfg.Lower {
		t.Use(e.Key)
	}
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
