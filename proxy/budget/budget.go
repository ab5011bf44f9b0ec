package budget

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrTooLarge: more than the whole capacity was asked for.
	ErrTooLarge = errors.New("more than the whole budget")
	// ErrSaturated: the queue is full, or it moved too slowly.
	ErrSaturated = errors.New("budget saturated")
)

// Config configures a Budget.
type Config struct {
	// Capacity is the bytes to give out; required, above 0.
	Capacity int64
	// MaxQueue bounds how many requests wait; 0 means 1024.
	MaxQueue int
	// MaxWait bounds how long each of them waits; 0 means 20 s. See SetMaxWait.
	MaxWait time.Duration
	// MaxOvertake bounds how many later requests may be served before one that does
	// not fit yet; 0 means 16. So a large request does not hold up the others at
	// once, and they do not hold it up for ever.
	MaxOvertake int
	// Revocable: holders are made to give back while requests wait. How long grants
	// were held, perhaps while none waited, does not predict a wait then, and no
	// request is refused for it.
	Revocable bool
	// Waited, unless nil, is told how long each request waited that was not granted or refused at once.
	Waited func(time.Duration)
}

// Budget gives out bytes. It is safe for concurrent use.
type Budget struct {
	cfg Config
	// maxWait is Config.MaxWait at first, in nanoseconds.
	maxWait atomic.Int64

	mu    sync.Mutex
	queue list.List // of *waiter, the first to come in front
	stats Stats
	// pauses counts the callers of Pause that have not resumed. returned is closed
	// and renewed whenever bytes are given back.
	pauses   int
	returned chan struct{}
	hold     holdTime
	shed     [shedReasons]uint64
}

// Stats is a snapshot of a Budget. The counters never fall.
type Stats struct {
	// Capacity, InUse and Peak are bytes; Peak is the most ever in use.
	Capacity, InUse, Peak int64
	// Waiting is how many requests wait now, WaitingBytes what they ask for.
	Waiting      int
	WaitingBytes int64
	// Returned counts how often bytes were given back.
	Returned uint64
	// Granted, Shed (ErrSaturated), TooLarge, Cancelled and, of Optional requests in
	// place of Shed and TooLarge, Declined count the ways in which a request ended.
	Granted, Shed, TooLarge, Cancelled, Declined uint64
}

type waiter struct {
	n        int64
	overtook int           // how many later requests were served before
	ready    chan struct{} // closed when granted or refused, with the lock held
	refused  error         // set before ready is closed
	optional bool
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
	if cfg.MaxOvertake <= 0 {
		cfg.MaxOvertake = 16
	}
	b := &Budget{cfg: cfg, stats: Stats{Capacity: cfg.Capacity}, returned: make(chan struct{})}
	b.SetMaxWait(cfg.MaxWait)
	return b, nil
}

// SetMaxWait changes Config.MaxWait for those that begin to wait from now on.
func (b *Budget) SetMaxWait(d time.Duration) { b.maxWait.Store(int64(d)) }

// Acquire waits for n bytes. Its error is ErrTooLarge, at once; ErrSaturated, at
// once where the queue is full or, by how long grants were held lately, the wait
// would outlast MaxWait or the context's deadline, and after MaxWait; and the
// context's cause where that ends first, or had ended before. For n of 0 or less
// the grant is empty. Where the context is of background work (InBackground) there
// is no wait, and ErrYielded in place of ErrSaturated.
func (b *Budget) Acquire(ctx context.Context, n int64) (*Grant, error) {
	if IsBackground(ctx) {
		return b.acquireSpare(ctx, n)
	}
	g, w, place, err := b.acquireOrQueue(ctx, n)
	if g != nil || err != nil {
		return g, err
	}
	if b.cfg.Waited != nil {
		began := time.Now()
		defer func() { b.cfg.Waited(time.Since(began)) }()
	}
	timer := time.NewTimer(time.Duration(b.maxWait.Load()))
	defer timer.Stop()
	var left bool
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
		left = b.leaveQueue(place, w, err)
	case <-timer.C:
		left, err = b.leaveQueue(place, w, ErrSaturated), ErrSaturated
	}
	switch {
	case left:
		return nil, err
	case w.refused != nil:
		return nil, w.refused
	}
	return newGrant(b, n), nil
}

// acquireOrQueue grants at once or puts a waiter into the queue.
func (b *Budget) acquireOrQueue(ctx context.Context, n int64) (*Grant, *waiter, *list.Element, error) {
	n = max(n, 0)
	maxWait := time.Duration(b.maxWait.Load())
	if deadline, ok := ctx.Deadline(); ok {
		maxWait = min(maxWait, time.Until(deadline))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	optional := isOptional(ctx)
	switch {
	case n > b.cfg.Capacity:
		b.countTooLarge(optional)
		return nil, nil, nil, ErrTooLarge
	case n > 0 && ctx.Err() != nil:
		b.stats.Cancelled++
		return nil, nil, nil, context.Cause(ctx)
	case n == 0 || b.fits(n) && b.mayOvertake(nil):
		b.grantBytes(n)
		return newGrant(b, n), nil, nil, nil
	case b.queue.Len() >= b.cfg.MaxQueue:
		b.countShed(QueueFull, optional)
		return nil, nil, nil, ErrSaturated
	case b.predictWait(n) > maxWait*3/2:
		b.countShed(TooSlow, optional)
		return nil, nil, nil, ErrSaturated
	}
	w := &waiter{n: n, ready: make(chan struct{}), optional: optional}
	b.stats.WaitingBytes += n
	return nil, w, b.queue.PushBack(w), nil
}

// predictWait is how long a new request of n bytes would wait: the bytes before it,
// in whole capacities, each held as long as grants were lately.
func (b *Budget) predictWait(n int64) time.Duration {
	if b.cfg.Revocable {
		return 0
	}
	ahead := float64(b.stats.WaitingBytes+n) / float64(b.cfg.Capacity)
	return time.Duration(ahead * float64(b.hold.mean()))
}

// mayOvertake says whether a request may be served before all waiters in front of
// place (the whole queue for nil), and counts it for each.
func (b *Budget) mayOvertake(place *list.Element) bool {
	for e := b.queue.Front(); e != place; e = e.Next() {
		if e.Value.(*waiter).overtook >= b.cfg.MaxOvertake {
			return false
		}
	}
	for e := b.queue.Front(); e != place; e = e.Next() {
		e.Value.(*waiter).overtook++
	}
	return true
}

// leaveQueue takes a waiter out of the queue and counts why: the end of its queue wait is
// ErrSaturated, too. It reports false where
// the answer came first: then the bytes, or the refusal, are the waiter's.
func (b *Budget) leaveQueue(place *list.Element, w *waiter, why error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready:
		return false
	default:
	}
	b.removeWaiter(place)
	if why == ErrSaturated { //nolint:errorlint // one that wraps it is another budget's
		b.countShed(Waited, w.optional)
	} else {
		b.stats.Cancelled++
	}
	b.serveQueue() // later waiters may fit where this one did not
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
	if n > 0 && !(b.fits(n) && b.mayOvertake(nil)) {
		b.countShed(NoRoom, false)
		return nil, ErrSaturated
	}
	b.grantBytes(n)
	return newGrant(b, n), nil
}

// Charge counts n bytes that are in use already, also where they do not fit or in a
// Pause: no more is granted then until there is room.
func (b *Budget) Charge(n int64) *Grant {
	n = max(n, 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grantBytes(n)
	g := newGrant(b, n)
	g.charged = true
	return g
}

func (b *Budget) fits(n int64) bool { return b.pauses == 0 && n <= b.cfg.Capacity-b.stats.InUse }

func (b *Budget) grantBytes(n int64) {
	b.addInUse(n)
	b.stats.Granted++
}

func (b *Budget) addInUse(n int64) {
	b.stats.InUse += n
	b.stats.Peak = max(b.stats.Peak, b.stats.InUse)
}

// serveQueue grants to the waiters that fit, from the front of the queue on. Later
// waiters that fit overtake one that does not, as often as they may. The lock is held.
func (b *Budget) serveQueue() {
	for e := b.queue.Front(); e != nil; {
		next, w := e.Next(), e.Value.(*waiter)
		if b.fits(w.n) {
			if !b.mayOvertake(e) {
				return
			}
			b.removeWaiter(e)
			b.grantBytes(w.n)
			close(w.ready)
		}
		e = next
	}
}

func (b *Budget) removeWaiter(place *list.Element) {
	b.stats.WaitingBytes -= place.Value.(*waiter).n
	b.queue.Remove(place)
}

// Resize changes the capacity, which must be above 0. Bytes that are granted beyond
// a lower one stay granted; waiters that can never fit get ErrTooLarge.
func (b *Budget) Resize(capacity int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg.Capacity, b.stats.Capacity = capacity, capacity
	for e := b.queue.Front(); e != nil; {
		next, w := e.Next(), e.Value.(*waiter)
		if w.n > capacity {
			b.removeWaiter(e)
			b.countTooLarge(w.optional)
			w.refused = ErrTooLarge
			close(w.ready)
		}
		e = next
	}
	b.serveQueue()
}

// bytesReturned serves waiters, and wakes Drain, after bytes were given back. The
// lock is held.
func (b *Budget) bytesReturned() {
	b.stats.Returned++
	close(b.returned)
	b.returned = make(chan struct{})
	b.serveQueue()
}

// Pause stops granting until resume is called. Grants stay, and may not grow.
func (b *Budget) Pause() (resume func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pauses++
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pauses--
		b.serveQueue()
	})
}

// Drain waits until at most n bytes are in use, which without a Pause may
// never be. It gives ErrSaturated after MaxWait, or the context's cause.
func (b *Budget) Drain(ctx context.Context, n int64) error {
	timer := time.NewTimer(time.Duration(b.maxWait.Load()))
	defer timer.Stop()
	for {
		b.mu.Lock()
		inUse, returned := b.stats.InUse, b.returned
		b.mu.Unlock()
		if inUse <= n {
			return nil
		}
		select {
		case <-returned:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return ErrSaturated
		}
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
