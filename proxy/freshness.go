package proxy

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// immutableTTL is how long an answer holds whose URL names its version: a
// year, the most that caches are asked to believe (RFC 8246 §2).
const immutableTTL = 365 * 24 * time.Hour

// of is how long a result stays fresh, by what its origin said.
func (t TTL) of(f origin.Freshness) time.Duration {
	ttl := t.Default
	if f.Explicit {
		ttl = f.TTL
	}
	if t.Max > 0 {
		ttl = min(ttl, t.Max)
	}
	return max(ttl, t.Min, 0)
}
