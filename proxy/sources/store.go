package sources

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// Store has each source once for all who want it at the same moment, and
// keeps on disk what may be kept, so that ten sizes of a picture fetch it once.
type Store struct {
	cfg   Config
	turns *turns
	// known is what is remembered of sources that cannot be had, or not shared.
	known *lru.Cache[[sha256.Size]byte, knownSource]
	// writing has room for those whose bytes are being written to the store.
	writing chan struct{}
	running sync.WaitGroup
	// ctx ends when the server is closed: nothing is got after that.
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	open  map[string]*Source
	stats Stats
	// getting is how many are got or written.
	getting int
}

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

// maxKnown bounds known, at some 400 bytes each, however long their URLs are.
const maxKnown = 4096

// knownSource is what is remembered of a source.
type knownSource struct {
	until time.Time
	seq   uint64
	err   error
	// info is of a source that is there, and no picture that could be worked on.
	info transform.Info
	// exclusive: it may not be kept, so everybody gets it by themselves.
	exclusive bool
	// passing: it tells of the origin, and not of the source.
	passing bool
}

// exclusiveFor is for how long a source that may not be kept is taken for one
// that the next time, too, may not be.
const exclusiveFor = 30 * time.Second

func New(cfg Config) (*Store, error) {
	known, err := lru.New[[sha256.Size]byte, knownSource](maxKnown)
	t := &Store{cfg: cfg, turns: newTurns(cfg.Fetches), known: known, writing: make(chan struct{}, 2), open: map[string]*Source{}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, err
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

// Acquire gives the source, known to be right by the rules of HTTP and of purging.
// The caller releases it.
func (t *Store) Acquire(ctx context.Context, w Request) (*Source, error) {
	for {
		if t.ctx.Err() != nil {
			return nil, context.Cause(t.ctx)
		}
		known := t.recall(w.ID(), w)
		if known.err == nil && w.HasIgnoredParams {
			known.err = t.recall(w.URL, w).err
		}
		if known.err != nil {
			return nil, known.failure()
		}
		src, first, early := t.join(w, known.exclusive)
		if src == nil {
			continue // its end was noted since it was looked for, or the server ends
		}
		start := time.Now()
		select {
		case <-src.ready:
		case <-ctx.Done():
			src.Release()
			return nil, context.Cause(ctx)
		}
		w.Queue.Spend(min(src.waited, time.Since(start)))
		switch {
		case !first && (src.failedAlone() || w.Hops.Elsewhere(src.err)):
		case src.err != nil:
			src.Release()
			return nil, src.err
		case first, early && src.right(w), src.serves(w):
			return src, nil
		}
		src.Release() // and get another one
	}
}

// join finds the source among those in use, or starts to get it. early says that
// it is just being got: what comes is as new as if it had been asked for now,
// however short the time for which it is fresh. There is none where an error was
// noted since the caller looked: a source is noted before it leaves the table, so
// that a look with the lock held misses none.
func (t *Store) join(w Request, exclusive bool) (src *Source, first, early bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if src = t.open[w.ID()]; src != nil && !exclusive {
		early = src.getting()
		if early && src.seq >= max(w.MinFetched, w.MinValidated) || !early && src.serves(w) {
			src.users++
			t.stats.Shared++
			return src, false, early
		}
	}
	if t.ctx.Err() != nil || t.remembered(w.ID(), w).err != nil || w.HasIgnoredParams && t.remembered(w.URL, w).err != nil {
		return nil, false, false
	}
	src = newSource(t, w)
	if !exclusive {
		t.open[src.id] = src
	}
	t.getting++
	t.running.Add(1)
	go src.get()
	return src, true, false
}

// recall is what is remembered of a source, or of one of its URLs, and no purge
// has ended. Any purge ends what is told of a source, which may have tags that
// nobody knows; that an origin is not well only one that names it.
func (t *Store) recall(id string, w Request) knownSource {
	k := t.remembered(id, w)
	if k.err != nil {
		t.count(func(s *Stats) { s.Remembered++ })
	}
	return k
}

// remembered is recall that counts nothing.
func (t *Store) remembered(id string, w Request) knownSource {
	k, ok := t.known.Get(sha256.Sum256([]byte(id)))
	if !ok || !t.cfg.Now().Before(k.until) {
		return knownSource{}
	}
	last := t.cfg.Clock.Applied()
	if k.passing {
		hard, soft := t.cfg.Clock.Last(purge.Scope{Source: w.Identity, Hosts: cache.Hosts(w.Identity)})
		last = max(hard, soft, w.MinFetched, w.MinValidated)
	}
	if k.seq < last {
		return knownSource{}
	}
	return k
}

// failure is the error of a source that is not asked for again so soon.
func (k knownSource) failure() error {
	if k.info != (transform.Info{}) {
		return &cache.Remembered{Err: &ImageError{k.info, k.err}}
	}
	return &cache.Remembered{Err: k.err}
}

// remember notes how the getting of a source ended.
func (t *Store) remember(src *Source) {
	id := sha256.Sum256([]byte(src.id))
	k := knownSource{until: t.cfg.Now(), seq: src.seq, err: src.err, info: src.info}
	if IsURLScoped(src.err) {
		id = sha256.Sum256([]byte(src.request.URL))
	}
	switch {
	case src.err == nil && src.meta.NoStore:
		k.exclusive, k.until = true, k.until.Add(exclusiveFor)
	case src.err == nil:
		t.known.Remove(id)
		return
	default:
		ttl, transient := t.cfg.NegativeTTL(src.err)
		if ttl == 0 {
			return
		}
		k.until, k.passing = k.until.Add(ttl), transient
	}
	t.known.Add(id, k)
}

func (t *Store) count(change func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

func (t *Store) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := t.stats
	st.Open = len(t.open)
	return st
}

// Close ends what is still got, waits until ctx ends for what is written, and
// closes the store. It comes after the last fill. The error says what is left to
// itself.
func (t *Store) Close(ctx context.Context) error {
	t.mu.Lock() // nothing is started from here on
	t.cancel()
	t.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.running.Wait()
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		t.mu.Lock()
		err = fmt.Errorf("%d source images are still being fetched or written to disk", t.getting)
		t.mu.Unlock()
	}
	if t.cfg.Disk != nil {
		t.cfg.Disk.Close()
	}
	return err
}
