package sources

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// TTL says how long results stay fresh, and of use after that.
type TTL struct {
	// Default holds where the origin says nothing; Min and Max bound both. With a
	// Max of 0 origins are asked each time.
	Default, Min, Max time.Duration
	// StaleWhile and StaleError are for how long after that a result may still
	// be served while it is made anew, and where that fails, if the origin says
	// nothing of it (RFC 5861).
	StaleWhile, StaleError time.Duration
}

// Of is how long a result stays fresh, by what its origin said.
func (t TTL) Of(f origin.Freshness) time.Duration {
	ttl := t.Default
	if f.Explicit {
		ttl = f.TTL
		if f.ByDefault {
			ttl = min(ttl, t.Default)
		}
	}
	return max(min(ttl, t.Max), t.Min, 0)
}

// StaleWindows are the times after that, by what the origin said. Where an answer is
// not fresh for a moment the origin is asked each time: only where it fails is
// something older served, unless it said more.
func (t TTL) StaleWindows(f origin.Freshness) (while, onError time.Duration) {
	while, onError = t.StaleWhile, t.StaleError
	if t.Of(f) == 0 {
		while = 0
	}
	if f.StaleWhile.Said {
		while = f.StaleWhile.For
	}
	if f.StaleError.Said {
		onError = f.StaleError.For
	}
	return while, onError
}
