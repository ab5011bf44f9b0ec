package sources

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/negative"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// Store gets each source once for all fills that want it at the same time, and keeps
// on disk the sources that may be kept, so that ten sizes of an image fetch it once.
// It is safe for concurrent use.
type Store struct {
	cfg     Config
	limiter *fetchLimiter
	// flights are the sources that are being resolved or in use.
	flights *flight.Group[string, *Source]
	// negatives are of sources that cannot be had, or must not be shared.
	negatives *negative.Table[string, negativeEntry]
	// writing has a slot for each source whose bytes are being written to disk.
	writing chan struct{}

	mu    sync.Mutex
	stats Stats
}

// sourceFlight resolves one source.
type sourceFlight = flight.Flight[string, *Source]

// Stats count how sources were had.
type Stats struct {
	// Shared were in use already, Stored on disk and fresh, Revalidated on disk
	// and found to be the same by their origin, Fetched sent by it. Failed are
	// those that could not be had, Remembered those not asked for because of it.
	Shared, Stored, Revalidated, Fetched, Failed, Remembered uint64
	// FetchedBytes are those of Fetched.
	FetchedBytes uint64
	// Open is how many are in use now, and may be shared.
	Open int
}

// Config is what a Store needs of others.
type Config struct {
	Origin *origin.Fetcher
	// Disk keeps the bytes of sources; nil for keeping none.
	Disk  *diskstore.Store
	Clock *purge.Clock
	// Fetches admits fetches by number, Bytes the bytes of sources in memory.
	Fetches, Bytes *budget.Budget
	// TTL says for how long sources are fresh.
	TTL TTL
	// Timeout is the longest that a source may take to come.
	Timeout time.Duration
	// QueueWait is the longest that one fetch waits for budgets.
	QueueWait time.Duration
	// NegativeTTL is for how long an error is remembered, 0 for not at all.
	// transient says that it tells of the origin, and not of the source.
	NegativeTTL func(error) (ttl time.Duration, transient bool)
	// TooLarge is the error for a source of so many bytes, which never fits.
	TooLarge func(bytes int64) error
	Now      func() time.Time
}

// maxNegatives bounds the negative entries, at some 400 bytes each, however long their
// URLs are.
const maxNegatives = 4096

// negativeEntry is what is remembered of a source that no record has.
type negativeEntry struct {
	// err is the error of the last fetch; nil for none.
	err error
	// info is of a source that is there, and whose image cannot be processed.
	info transform.Info
	// exclusive: the source must not be stored, so each fill fetches its own.
	exclusive bool
	// transient: the error tells of the origin, and not of the source.
	transient bool
}

// exclusiveFor is for how long a source that must not be stored is assumed to stay so
// (Varnish's hit-for-miss).
const exclusiveFor = 30 * time.Second

// New makes a Store.
func New(cfg Config) (*Store, error) {
	negatives, err := negative.New[string, negativeEntry](maxNegatives, cfg.Now)
	return &Store{
		cfg: cfg, limiter: newFetchLimiter(cfg.Fetches), negatives: negatives, writing: make(chan struct{}, 2),
		flights: flight.New[string, *Source](flight.Config{
			Timeout: cfg.Timeout, Sequence: cfg.Clock.Applied, LeaderOnly: errorIsLeaderOnly,
		}),
	}, err
}

// Request is a source that a fill wants.
type Request struct {
	// URL is what is fetched, and Identity what it is known by to the caches and
	// to purges. CacheBuster is another source for each value, at the same URL.
	URL, Identity, CacheBuster string
	// HasIgnoredParams says that the URL has parameters that its identity has
	// not: an error that an origin gives for them is not one of the source.
	HasIgnoredParams bool
	// Hops is the way of the request that the source is for. Of those that share a
	// source it is the first one's.
	Hops origin.Hops
	// MinFetched and MinValidated are the newest purges that name the result: the
	// source must have been fetched after the first, and be validated after the
	// second.
	MinFetched, MinValidated uint64
	// Queue is the queue wait that the caller has left.
	Queue *budget.QueueWait
}

// ID is what a source is kept under. A new cachebuster means that there are new
// bytes at the same URL.
func (w Request) ID() string {
	if w.CacheBuster == "" {
		return w.Identity
	}
	return w.Identity + "\n" + w.CacheBuster
}

// Acquire gives the source, valid by the rules of HTTP and of purges. It waits until ctx
// ends, whose cause is then the error. The caller releases the source.
func (t *Store) Acquire(ctx context.Context, w Request) (*Source, error) {
	for {
		n := t.findNegative(w)
		if n.err != nil {
			t.updateStats(func(s *Stats) { s.Remembered++ })
			return nil, n.asError()
		}
		src, err := t.acquireOnce(ctx, w, n.exclusive)
		if !errors.Is(err, flight.ErrRetryLookup) {
			return src, err
		}
	}
}

// acquireOnce is one attempt of Acquire. It gives flight.ErrRetryLookup where another one
// may find something better.
func (t *Store) acquireOnce(ctx context.Context, w Request, exclusive bool) (*Source, error) {
	joinedInFlight := false
	f, leader, err := t.flights.Join(w.ID(), &resolution{store: t, request: w}, flight.Caller[string, *Source]{
		Bypass: exclusive,
		Share: func(f *sourceFlight, done bool) bool {
			joinedInFlight = !done
			if joinedInFlight {
				return f.Seq >= max(w.MinFetched, w.MinValidated)
			}
			return f.Value.fresh(w)
		},
		// A negative entry is there before its flight leaves the table, so that this
		// look, with the lock held, misses none.
		MayStart: func() error {
			if t.findNegative(w).err != nil {
				return flight.ErrRetryLookup
			}
			return nil
		},
	})
	switch {
	case errors.Is(err, flight.ErrClosed):
		return nil, context.Canceled
	case err != nil:
		return nil, err
	case !leader:
		t.updateStats(func(s *Stats) { s.Shared++ })
	}
	start := time.Now()
	select {
	case <-f.Done():
	case <-ctx.Done():
		f.Leave()
		return nil, context.Cause(ctx)
	}
	src := f.Value
	w.Queue.Spend(min(src.waited, time.Since(start)))
	_, err = f.Outcome(leader)
	switch {
	case !leader && w.Hops.Elsewhere(err):
		err = flight.ErrRetryLookup
	case err != nil:
	// A source that was being fetched when the caller came is as new as if it had
	// been fetched for it, however short its lifetime is (RFC 9111 §4).
	case leader, joinedInFlight && src.survivesPurges(w), src.fresh(w):
		return src, nil
	default:
		err = flight.ErrRetryLookup
	}
	f.Leave()
	return nil, err
}

// errorIsLeaderOnly says whether an error need not be one for the followers: the leader had
// less time than they have left, or the origin refuses the leader's URL alone.
func errorIsLeaderOnly(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || IsURLScoped(err)
}

// findNegative finds the negative entry of a source, or of the URL of the request where
// that is one of several.
func (t *Store) findNegative(w Request) negativeEntry {
	n := t.negativeEntry(w.ID(), w)
	if n.err == nil && w.HasIgnoredParams {
		n.err = t.negativeEntry(w.URL, w).err
	}
	return n
}

// negativeEntry finds the negative entry of a name. Any purge ends one of a source, whose
// tags are not known; one that tells of the origin ends only with a purge that names the
// source.
func (t *Store) negativeEntry(name string, w Request) negativeEntry {
	n, _ := t.negatives.Get(name, func(o negative.Outcome[negativeEntry]) bool {
		last := t.cfg.Clock.Applied()
		if o.Value.transient {
			hard, soft := t.cfg.Clock.Last(purge.Scope{Source: w.Identity, Hosts: cache.Hosts(w.Identity)})
			last = max(hard, soft, w.MinFetched, w.MinValidated)
		}
		return o.Seq >= last
	})
	return n
}

// asError is the error of a negative entry.
func (n negativeEntry) asError() error {
	if n.info != (transform.Info{}) {
		return &cache.Remembered{Err: &ImageError{n.info, n.err}}
	}
	return &cache.Remembered{Err: n.err}
}

// recordOutcome remembers how a flight ended, where that is worth a negative entry.
func (t *Store) recordOutcome(f *sourceFlight) {
	src, name := f.Value, f.Value.id
	if IsURLScoped(f.Err) {
		name = src.request.URL
	}
	n := negativeEntry{err: f.Err, info: src.info}
	var ttl time.Duration
	switch {
	case f.Err == nil && src.meta.NoStore:
		n.exclusive, ttl = true, exclusiveFor
	case f.Err == nil:
		t.negatives.Remove(name)
		return
	default:
		if ttl, n.transient = t.cfg.NegativeTTL(f.Err); ttl == 0 {
			return
		}
	}
	t.negatives.Put(name, negative.Outcome[negativeEntry]{Until: t.cfg.Now().Add(ttl), Seq: f.Seq, Value: n})
}

func (t *Store) updateStats(change func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

// Stats are the figures of now.
func (t *Store) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := t.stats
	st.Open = t.flights.Len()
	return st
}

// Close cancels all fetches, waits until ctx ends for what is being written, and closes
// the disk store. It comes after the last fill. The error says what is left behind.
func (t *Store) Close(ctx context.Context) (err error) {
	t.flights.Close()
	t.flights.Cancel()
	if !t.flights.Wait(ctx) {
		err = fmt.Errorf("%d source images are still being fetched or written to disk", t.flights.Running())
	}
	if t.cfg.Disk != nil {
		t.cfg.Disk.Close()
	}
	return err
}
