package proxy

import "time"

// rate is the rate of a token bucket: its size, and how many tokens a second are added.
type rate struct{ burst, perSecond float64 }

// bucket is a token bucket.
type bucket struct {
	tokens float64
	filled time.Time
}

// newBucket returns a full bucket.
func newBucket(r rate, now time.Time) bucket { return bucket{tokens: r.burst, filled: now} }

// refill adds the tokens of the time since the last call.
func (b *bucket) refill(r rate, now time.Time) {
	passed := max(now.Sub(b.filled), 0) // the clock may have been set back
	b.tokens = min(b.tokens+passed.Seconds()*r.perSecond, r.burst)
	b.filled = now
}
