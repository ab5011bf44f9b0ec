package proxy

import "time"

// rate is how much may be at once, and how much a second after that.
type rate struct{ burst, perSecond float64 }

// bucket is a token bucket.
type bucket struct {
	tokens float64
	filled time.Time
}

// newBucket is full.
func newBucket(r rate, now time.Time) bucket { return bucket{tokens: r.burst, filled: now} }

// fill adds what has come since the last time.
func (b *bucket) refill(r rate, now time.Time) {
	passed := max(now.Sub(b.filled), 0) // the clock may have been set back
	b.tokens, b.filled = min(b.tokens+passed.Seconds()*r.perSecond, r.burst), now
}
