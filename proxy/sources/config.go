package sources

import (
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// Config is what a Store needs of others.
type Config struct {
	// Settings are the first ones.
	Settings
	inForce *atomic.Pointer[Settings]
	// Disk keeps the bytes of sources; nil for none.
	Disk *diskstore.Store
	// Bucket has sources for other servers, too; nil for none. The Store closes it.
	Bucket *cache.SourceBucket
	Clock  *purge.Clock
	// Fetches admits fetches by number, Bytes the bytes of sources in memory.
	Fetches, Bytes *budget.Budget
	// NegativeTTL is for how long an error is remembered; 0 for not at all. transient says
	// that the error tells of the origin, and not of the source.
	NegativeTTL func(error) (ttl time.Duration, transient bool)
	// TooLarge is the error for a source of so many bytes, which never fits.
	TooLarge func(bytes int64) error
	Now      func() time.Time
}

// Settings are what Reload changes.
type Settings struct {
	Origin *origin.Fetcher
	// TTL says for how long sources are fresh.
	TTL TTL
	// Timeout bounds a flight, and QueueWait the time in it that is spent waiting for
	// budgets.
	Timeout, QueueWait time.Duration
}

// isFresh says whether the origin of a source need not be asked yet. While purges are in doubt it is.
func (c *Config) isFresh(m Meta) bool {
	now := c.Now()
	return c.Clock.Doubt(now) == purge.Serve && m.fresh(c.inForce.Load().TTL, now)
}
