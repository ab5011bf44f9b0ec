package cache

import (
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/cache/negative"
)

// maxOutcomes bounds the outcomes that are remembered, at some 300 bytes each.
const maxOutcomes = 4096

const (
	// retryAfter is how long after a refresh that failed the next one is tried.
	retryAfter = time.Second
	// bypassFor is for how long a key is taken for one whose entries may not be
	// kept (Varnish's hit-for-miss).
	bypassFor = 30 * time.Second
)

// isAuthoritative says whether an error tells what there is now, and not only that this could not be found out: nothing
// older is an answer then.
func (c *Cache) isAuthoritative(err error) bool {
	class := c.cfg.Classify(err)
	return class.For > 0 && !class.Stale
}

// keyOutcome says how the last fill of a key ended that has no entry.
type keyOutcome struct {
	// err is the error of the last fill. Where background is set, it is only a reason not to refresh.
	err        error
	background bool
	// bypass: entries of the key must not be shared.
	bypass bool
}

// negativeEntry is the outcome that is remembered of a key, if it still counts. Every purge ends it, because any may
// name the source of the key.
func (c *Cache) negativeEntry(key Key) keyOutcome {
	n, _ := c.outcomes.Get(key, func(o negative.Outcome[keyOutcome]) bool { return o.Seq == c.cfg.Clock.Applied() })
	if n.err != nil && !n.background {
		c.updateStats(func(s *Stats) { s.Remembered++ })
	}
	return n
}

// recordOutcome remembers how a flight ended.
func (c *Cache) recordOutcome(key Key, f *entryFlight) {
	var known *Remembered
	var o keyOutcome
	var lasts time.Duration
	switch {
	case f.Err == nil && f.Value.NoStore:
		o.bypass, lasts = true, bypassFor
	case f.Err == nil:
		c.outcomes.Remove(key)
		return
	case errors.As(f.Err, &known): // the negative entry is where the error comes from
		o.err, o.background = f.Err, true
		lasts = retryAfter
	default:
		o.err = f.Err
		class := c.cfg.Classify(f.Err)
		o.background = class.For <= 0
		lasts = max(class.For, retryAfter)
	}
	c.outcomes.Put(key, negative.Outcome[keyOutcome]{Until: c.cfg.Now().Add(lasts), Seq: f.Seq, Value: o})
}
