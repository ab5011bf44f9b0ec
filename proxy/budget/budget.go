package budget

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// ErrTooLarge: more than the whole capacity was asked for.
	ErrTooLarge = errors.New("more than the whole budget")
	// ErrSaturated: the line is full, or it moved too slowly.
	ErrSaturated = errors.New("budget saturated")
)

// Config configures a Budget.
type Config struct {
	// Capacity is the bytes to give out; required, above 0.
	Capacity int64
	// MaxQueue bounds how many stand in line; 0 means 1024.
	MaxQueue int
	// MaxWait bounds how long each stands there; 0 means 20 s.
	MaxWait time.Duration
}

// Budget gives out bytes. It is safe for concurrent use.
type Budget struct {
	cfg Config

	mu    sync.Mutex
	queue list.List // of *waiter, the first to come in front
	stats Stats
}

// Stats is a snapshot of a Budget. The counters never fall.
type Stats struct {
	// Capacity, InUse and Peak are bytes; Peak is the most ever in use.
	Capacity, InUse, Peak int64
	// Waiting is who stands in line now, WaitingBytes what they want.
	Waiting      int
	WaitingBytes int64
	// Granted, Shed (ErrSaturated), TooLarge and Cancelled count the ways in
	// which a request ended.
	Granted, Shed, TooLarge, Cancelled uint64
}

type waiter struct {
	n     int64
	ready chan struct{} // closed when granted, with the lock held
}

// New makes a Budget.
func New(cfg Config) (*Budget, error) {
	if cfg.Capacity <= 0 {
		return nil, errors.New("budget: capacity must be above 0")
	}
	if cfg.MaxQueue <= 0 {
		cfg.MaxQueue = 1024
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 20 * time.Second
	}
	return &Budget{cfg: cfg, stats: Stats{Capacity: cfg.Capacity}}, nil
}

// Acquire waits for n bytes. It gives ErrTooLarge and ErrSaturated (full line)
// at once, ErrSaturated after MaxWait, and the context's cause when that ends
// first, also where it had ended before. For n of 0 or less the grant is empty.
func (b *Budget) Acquire(ctx context.Context, n int64) (*Grant, error) {
	g, w, place, err := b.enter(ctx, n)
	if g != nil || err != nil {
		return g, err
	}
	timer := time.NewTimer(b.cfg.MaxWait)
	defer timer.Stop()
	var left bool
	select {
	case <-w.ready:
	case <-ctx.Done():
		left, err = b.leave(place, w, &b.stats.Cancelled), context.Cause(ctx)
	case <-timer.C:
		left, err = b.leave(place, w, &b.stats.Shed), ErrSaturated
	}
	if left {
		return nil, err
	}
	return &Grant{b: b, n: n}, nil
}

// enter grants at once or puts a waiter into the line.
func (b *Budget) enter(ctx context.Context, n int64) (*Grant, *waiter, *list.Element, error) {
	n = max(n, 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case n > b.cfg.Capacity:
		b.stats.TooLarge++
		return nil, nil, nil, ErrTooLarge
	case n > 0 && ctx.Err() != nil:
		b.stats.Cancelled++
		return nil, nil, nil, context.Cause(ctx)
	case n == 0 || b.queue.Len() == 0 && b.fits(n):
		// Whoever comes later stays behind those who wait, also where it
		// would fit: a large one would else never be served.
		b.grant(n)
		return &Grant{b: b, n: n}, nil, nil, nil
	case b.queue.Len() >= b.cfg.MaxQueue:
		b.stats.Shed++
		return nil, nil, nil, ErrSaturated
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	b.stats.WaitingBytes += n
	return nil, w, b.queue.PushBack(w), nil
}

// leave takes a waiter out of the line and counts why. It reports false where
// the grant came first: then the bytes are the waiter's.
func (b *Budget) leave(place *list.Element, w *waiter, why *uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready:
		return false
	default:
	}
	b.queue.Remove(place)
	b.stats.WaitingBytes -= w.n
	*why++
	b.serve() // those behind may fit where this one did not
	return true
}

// TryAcquire is Acquire without a wait: ErrSaturated where there would be one.
func (b *Budget) TryAcquire(n int64) (*Grant, error) {
	n = max(n, 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.cfg.Capacity {
		b.stats.TooLarge++
		return nil, ErrTooLarge
	}
	if n > 0 && (b.queue.Len() > 0 || !b.fits(n)) {
		b.stats.Shed++
		return nil, ErrSaturated
	}
	b.grant(n)
	return &Grant{b: b, n: n}, nil
}

func (b *Budget) fits(n int64) bool { return n <= b.cfg.Capacity-b.stats.InUse }

func (b *Budget) grant(n int64) {
	b.take(n)
	b.stats.Granted++
}

func (b *Budget) take(n int64) {
	b.stats.InUse += n
	b.stats.Peak = max(b.stats.Peak, b.stats.InUse)
}

// serve grants to the front of the line for as long as it fits.
func (b *Budget) serve() {
	for e := b.queue.Front(); e != nil && b.fits(e.Value.(*waiter).n); e = b.queue.Front() {
		w := b.queue.Remove(e).(*waiter)
		b.stats.WaitingBytes -= w.n
		b.grant(w.n)
		close(w.ready)
	}
}

// Stats is a snapshot.
func (b *Budget) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Waiting = b.queue.Len()
	return s
}

// Grant is bytes that somebody holds. Its methods are safe for concurrent use.
type Grant struct {
	b *Budget
	n int64 // guarded by b.mu; -1 when released
}

// Grow adds n bytes without a wait: two holders that waited for each other's
// bytes would wait for ever. It gives ErrTooLarge where the grant could never
// be that large, else ErrSaturated. A released grant does not grow.
func (g *Grant) Grow(n int64) error {
	n = max(n, 0)
	b := g.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case g.n < 0:
		return errors.New("budget: a released grant cannot grow")
	case n > b.cfg.Capacity-g.n:
		b.stats.TooLarge++
		return ErrTooLarge
	case !b.fits(n):
		b.stats.Shed++
		return ErrSaturated
	}
	b.take(n)
	g.n += n
	return nil
}

// Bytes is what the grant holds; 0 after Release.
func (g *Grant) Bytes() int64 {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	return max(g.n, 0)
}

// Release gives the bytes back. More calls than one do no harm.
func (g *Grant) Release() {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	if g.n < 0 {
		return
	}
	g.b.stats.InUse -= g.n
	g.n = -1
	g.b.serve()
}
