package cache

import (
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// state is what an entry is good for; each is good for all that is below it.
type state uint8

const (
	// gone: nothing.
	gone state = iota
	// renewable: perhaps its bytes are still right.
	renewable
	// staleError: an answer where a new one cannot be made.
	staleError
	// stale: an answer while a new one is made.
	stale
	// fresh: an answer.
	fresh
)

// Skew is how far the time of storing may be ahead of the clock. An entry that is further ahead was stored while the
// clock was wrong, so that its end is not known.
const Skew = time.Minute

// stateOf says what an entry is good for now. A soft purge, a doubt about purges that says so, and pixels that would
// be made otherwise today, end its freshness and nothing else. Where the doubt asks for it, no entry is an answer
// before its origin was asked.
func (c *Cache) stateOf(e *Entry) state { return c.stateAt(e, c.cfg.Now()) }

// stateAt is stateOf at a time that has just been read.
func (c *Cache) stateAt(e *Entry, now time.Time) state {
	hard, soft := c.purgedAt(e)
	over, doubt := now.Sub(e.Expires), c.cfg.Clock.Doubt(now)
	switch {
	case e.Seq < hard || over >= max(e.StaleWhile, e.StaleError, e.Keep, 0):
		return gone
	case doubt == purge.Revalidate:
		return renewable
	case over < 0 && doubt == purge.Serve && e.Seq >= soft && e.Pixels == c.cfg.Pixels &&
		!e.Stored.After(now.Add(Skew)):
		return fresh
	case e.StaleWhile > 0 && over < e.StaleWhile:
		return stale
	case e.StaleError > 0 && over < e.StaleError:
		return staleError
	}
	return renewable
}

// purgedAt is the sequence of the last hard and soft purges that name an entry, as the clock's Since says. The clock is
// asked only where it has moved on since it was last asked for this entry.
func (c *Cache) purgedAt(e *Entry) (hard, soft uint64) {
	now := c.cfg.Clock.Applied()
	if e.Seq == now || e.readState != nil && e.readState.validAtSeq.Load() == now {
		return 0, 0
	}
	hard, soft = c.cfg.Clock.Since(e.Seq, e.purgeScope())
	if e.readState != nil && e.Seq >= hard && e.Seq >= soft {
		e.readState.validAtSeq.Store(now)
	}
	return hard, soft
}
