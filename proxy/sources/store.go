package sources

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/negative"
)

// Store fetches each source once for all fills that want it at the same time, and keeps on
// disk the sources that may be stored. It is safe for concurrent use.
type Store struct {
	cfg     Config
	limiter *fetchLimiter
	// flights are the sources that are being resolved or in use.
	flights *flight.Group[string, *Source]
	// negatives are of sources that cannot be had, or must not be shared.
	negatives *negative.Table[string, negativeEntry]
	// writing has a slot for each source whose bytes are being written to disk, and lending one for each that is in
	// memory until it was written to the bucket.
	writing, lending chan struct{}

	mu    sync.Mutex
	stats Stats
}

// sourceFlight resolves one source.
type sourceFlight = flight.Flight[string, *Source]

// Stats count how sources were acquired.
type Stats struct {
	// Shared sources were in use already, Stored ones on disk and fresh, FromBucket ones in the
	// bucket and fresh, Revalidated ones in either and confirmed by their origin, Fetched ones sent by
	// it. Failed counts flights that failed, Remembered fills that failed by a negative entry.
	Shared, Stored, FromBucket, Revalidated, Fetched, Failed, Remembered uint64
	// FetchedBytes are the bytes of Fetched.
	FetchedBytes uint64
	// Open is how many sources are in use now, and may be shared.
	Open int
}

// New makes a Store. Close closes it.
func New(cfg Config) (*Store, error) {
	negatives, err := negative.New[string, negativeEntry](maxNegatives, cfg.Now)
	t := &Store{
		cfg: cfg, limiter: newFetchLimiter(cfg.Fetches), negatives: negatives, writing: make(chan struct{}, 2),
		lending: make(chan struct{}, 2),
		flights: flight.New[string, *Source](flight.Config{
			Timeout: cfg.Timeout, Sequence: cfg.Clock.Applied, LeaderOnly: errorIsLeaderOnly,
		}),
	}
	t.cfg.inForce = &atomic.Pointer[Settings]{}
	t.cfg.inForce.Store(&cfg.Settings)
	return t, err
}

// Reload puts other settings in force for what begins from now on.
func (t *Store) Reload(set Settings) {
	t.cfg.inForce.Store(&set)
	t.flights.SetTimeout(set.Timeout)
}

// updateStats changes the counts with the lock held.
func (t *Store) updateStats(change func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

// countFetched counts a source that its origin has sent, and the bytes of it that were received.
func (t *Store) countFetched(bytes int64) {
	t.updateStats(func(s *Stats) {
		s.Fetched++
		s.FetchedBytes += uint64(bytes)
	})
}

// Stats are the figures of now.
func (t *Store) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := t.stats
	st.Open = t.flights.Len()
	return st
}

// FetchStats are the figures of now.
func (t *Store) FetchStats() FetchStats { return t.limiter.stats() }

// FetchesResized lets queued fetches run after their budget has grown.
func (t *Store) FetchesResized() { t.limiter.grantWaiting() }

// Close cancels all fetches, waits until ctx ends for what is being written, and closes
// the disk store. It comes after the last fill. The error says what is left behind.
func (t *Store) Close(ctx context.Context) (err error) {
	t.flights.Close()
	t.flights.Cancel()
	if !t.flights.Wait(ctx) {
		err = fmt.Errorf("%d source images are still being fetched or written to disk", t.flights.Running())
	}
	if t.cfg.Bucket != nil {
		t.cfg.Bucket.Close(ctx)
	}
	if t.cfg.Disk != nil {
		t.cfg.Disk.Close()
	}
	return err
}
