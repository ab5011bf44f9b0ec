package sources

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// TTL says for how long results stay fresh, and may be served after that.
type TTL struct {
	// Default is the lifetime where the origin gives none; Min and Max bound every
	// lifetime. With a Max of 0 the origin is asked each time.
	Default, Min, Max time.Duration
	// StaleWhile and StaleError are for how long a stale result may be served during a
	// refill, and where the refill fails. They hold where the origin gives none (RFC 5861).
	StaleWhile, StaleError time.Duration
}

// Of is for how long a result stays fresh, by the headers of its origin.
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

// StaleWindows are for how long a stale result may be served, by the headers of its origin.
// Where the lifetime is 0 the origin is asked each time, so a stale result is served only
// where it fails, unless the origin gives a window itself.
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
