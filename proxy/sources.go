package proxy

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

// sources has each source once for all who want it at the same moment, and
// keeps on disk what may be kept, so that ten sizes of a picture fetch it once.
type sources struct {
	cfg   sourceConfig
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
	open  map[string]*source
	stats SourceStats
	// getting is how many are got or written.
	getting int
}

// SourceStats count how sources were had.
type SourceStats struct {
	// Shared were in use already, Stored on disk and fresh, Revalidated on disk
	// and found to be the same by their origin, Fetched sent by it. Failed are
	// those that could not be had, Remembered those not asked for because of it.
	Shared, Stored, Revalidated, Fetched, Failed, Remembered uint64
	// FetchedBytes are those of Fetched.
	FetchedBytes uint64
}

// sourceConfig is what sources need of others.
type sourceConfig struct {
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

func newSources(cfg sourceConfig) (*sources, error) {
	known, err := lru.New[[sha256.Size]byte, knownSource](maxKnown)
	t := &sources{cfg: cfg, turns: newTurns(cfg.Fetches), known: known, writing: make(chan struct{}, 2), open: map[string]*source{}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, err
}

// wanted is a source that a fill wants.
type wanted struct {
	// url is what is fetched, and identity what it is known by to the caches and
	// to purges. buster is another source for each value, at the same URL.
	url, identity, buster string
	// own says that the URL has parameters that its identity has not: what the
	// origin holds against them it does not hold against the source.
	own bool
	// hops is the way of the request that the source is for. Of those that share a
	// source it is the first one's.
	hops origin.Hops
	// hard and soft are the newest purges that name the result: the source must
	// have been fetched after hard, and be known to be right after soft.
	hard, soft uint64
}

// id is what a source is kept under. A new cachebuster means that there are new
// bytes at the same URL.
func (w wanted) id() string {
	if w.buster == "" {
		return w.identity
	}
	return w.identity + "\n" + w.buster
}

// take gives the source, known to be right by the rules of HTTP and of purging.
// The caller leaves it.
func (t *sources) take(ctx context.Context, wait *budget.QueueWait, w wanted) (*source, error) {
	for {
		if t.ctx.Err() != nil {
			return nil, context.Cause(t.ctx)
		}
		known := t.recall(w.id(), w)
		if known.err == nil && w.own {
			known.err = t.recall(w.url, w).err
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
			src.leave()
			return nil, context.Cause(ctx)
		}
		wait.Spend(min(src.waited, time.Since(start)))
		switch {
		case !first && (src.failedAlone() || w.hops.Elsewhere(src.err)):
		case src.err != nil:
			src.leave()
			return nil, src.err
		case first, early && src.right(w), src.serves(w):
			return src, nil
		}
		src.leave() // and get another one
	}
}

// join finds the source among those in use, or starts to get it. early says that
// it is just being got: what comes is as new as if it had been asked for now,
// however short the time for which it is fresh. There is none where an error was
// noted since the caller looked: a source is noted before it leaves the table, so
// that a look with the lock held misses none.
func (t *sources) join(w wanted, exclusive bool) (src *source, first, early bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if src = t.open[w.id()]; src != nil && !exclusive {
		early = src.getting()
		if early && src.seq >= max(w.hard, w.soft) || !early && src.serves(w) {
			src.users++
			t.stats.Shared++
			return src, false, early
		}
	}
	if t.ctx.Err() != nil || t.remembered(w.id(), w).err != nil || w.own && t.remembered(w.url, w).err != nil {
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
func (t *sources) recall(id string, w wanted) knownSource {
	k := t.remembered(id, w)
	if k.err != nil {
		t.count(func(s *SourceStats) { s.Remembered++ })
	}
	return k
}

// remembered is recall that counts nothing.
func (t *sources) remembered(id string, w wanted) knownSource {
	k, ok := t.known.Get(sha256.Sum256([]byte(id)))
	if !ok || !t.cfg.Now().Before(k.until) {
		return knownSource{}
	}
	last := t.cfg.Clock.Applied()
	if k.passing {
		hard, soft := t.cfg.Clock.Last(purge.Scope{Source: w.identity, Hosts: cache.Hosts(w.identity)})
		last = max(hard, soft, w.hard, w.soft)
	}
	if k.seq < last {
		return knownSource{}
	}
	return k
}

// failure is the error of a source that is not asked for again so soon.
func (k knownSource) failure() error {
	if k.info != (transform.Info{}) {
		return &cache.Remembered{Err: &badPicture{k.info, k.err}}
	}
	return &cache.Remembered{Err: k.err}
}

// remember notes how the getting of a source ended.
func (t *sources) remember(src *source) {
	id := sha256.Sum256([]byte(src.id))
	k := knownSource{until: t.cfg.Now(), seq: src.seq, err: src.err, info: src.info}
	if isOwn(src.err) {
		id = sha256.Sum256([]byte(src.wanted.url))
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

func (t *sources) count(change func(*SourceStats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

func (t *sources) statsNow() SourceStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// close ends what is still got, waits until ctx ends for what is written, and
// closes the store. It comes after the last fill. The error says what is left to
// itself.
func (t *sources) close(ctx context.Context) error {
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
