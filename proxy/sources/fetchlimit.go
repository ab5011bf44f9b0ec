package sources

import (
	"container/list"
	"context"
	"sync"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// FetchesPerHost is how many fetches from one host take place at once, but no more
// than half of all that may: a slow host must not hold up the others.
const FetchesPerHost = 32

// turns lets fetches take place, first by host and then in all. A host gets one
// more turn only while it has less than half as many as are free: the first host
// gets a third of all at most, the next one a third of what that leaves. So hosts
// that never answer leave turns to others, however many fetches wait for them.
type fetchLimiter struct {
	slots *budget.Budget

	mu    sync.Mutex
	hosts map[string]*hostLimiter
	// queue are fetches that their host lets pass, of *queuedFetch, the first to
	// come in front.
	queue list.List
}

// hostLimiter is in the table for as long as anybody is in it or before it.
type hostLimiter struct {
	budget *budget.Budget
	users  int
	// running is how many of all turns the host has.
	running int64
}

// queuedFetch is a fetch that waits for one of all turns.
type queuedFetch struct {
	host  *hostLimiter
	ready chan *budget.Grant // has room for the one grant
}

func newFetchLimiter(slots *budget.Budget) *fetchLimiter {
	return &fetchLimiter{slots: slots, hosts: map[string]*hostLimiter{}}
}

// acquireSlot waits for a slot. A source without a host needs none.
func (l *fetchLimiter) acquireSlot(ctx context.Context, wait *budget.QueueWait, host string) (release func(), err error) {
	if host == "" {
		return func() {}, nil
	}
	h, err := l.retainHost(host)
	if err != nil {
		return nil, err
	}
	own, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return h.budget.Acquire(ctx, 1) })
	if err != nil {
		l.releaseHost(host, h)
		return nil, err
	}
	turn, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return l.waitForSlot(ctx, h) })
	if err != nil {
		own.Release()
		l.releaseHost(host, h)
		return nil, err
	}
	return func() {
		l.releaseSlot(h, turn)
		own.Release()
		l.releaseHost(host, h)
	}, nil
}

func (l *fetchLimiter) retainHost(host string) (*hostLimiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[host]
	if h == nil {
		b, err := budget.New(budget.Config{Capacity: max(min(FetchesPerHost, l.slots.Stats().Capacity/2), 1)})
		if err != nil {
			return nil, err
		}
		h = &hostLimiter{budget: b}
		l.hosts[host] = h
	}
	h.users++
	return h, nil
}

func (l *fetchLimiter) releaseHost(host string, h *hostLimiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(l.hosts, host)
	}
}

// start waits for one of all turns; its error is ctx's cause.
func (l *fetchLimiter) waitForSlot(ctx context.Context, h *hostLimiter) (*budget.Grant, error) {
	l.mu.Lock()
	if ctx.Err() != nil {
		l.mu.Unlock()
		return nil, context.Cause(ctx)
	}
	if g := l.tryGrantLocked(h); g != nil {
		l.mu.Unlock()
		return g, nil
	}
	w := &queuedFetch{host: h, ready: make(chan *budget.Grant, 1)}
	place := l.queue.PushBack(w)
	l.mu.Unlock()
	select {
	case g := <-w.ready:
		return g, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case g := <-w.ready: // it came first
		return g, nil
	default:
		l.queue.Remove(place)
		return nil, context.Cause(ctx)
	}
}

// grant gives a host one more of all turns, if it may have one; else nil. The
// lock is held.
func (l *fetchLimiter) tryGrantLocked(h *hostLimiter) *budget.Grant {
	if s := l.slots.Stats(); 2*h.running >= s.Capacity-s.InUse {
		return nil
	}
	g, err := l.slots.TryAcquire(1)
	if err != nil {
		return nil
	}
	h.running++
	return g
}

// end is a fetch that is over.
func (l *fetchLimiter) releaseSlot(h *hostLimiter, turn *budget.Grant) {
	l.mu.Lock()
	h.running--
	turn.Release()
	l.mu.Unlock()
	l.grantWaiting()
}

// serve grants turns to those that wait, after there are more of them.
func (l *fetchLimiter) grantWaiting() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.queue.Front(); e != nil; {
		next, w := e.Next(), e.Value.(*queuedFetch)
		if g := l.tryGrantLocked(w.host); g != nil {
			l.queue.Remove(e)
			w.ready <- g
		}
		e = next
	}
}

// FetchStats are figures of the limit of fetches.
type FetchStats struct {
	// Hosts is how many hosts are fetched from or waited for.
	Hosts int
	// PerHost is how many fetches are past the limit of their host, or wait for it.
	PerHost int
	// Waiting is how many of these wait for one of all fetches.
	Waiting int
}

// FetchStats are those of now.
func (t *Store) FetchStats() FetchStats { return t.limiter.stats() }

func (l *fetchLimiter) stats() (st FetchStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hosts {
		s := h.budget.Stats()
		st.PerHost += int(s.InUse) + s.Waiting
	}
	st.Hosts, st.Waiting = len(l.hosts), l.queue.Len()
	return st
}

// FetchesResized lets fetches take place that wait, after their budget has grown.
func (t *Store) FetchesResized() { t.limiter.grantWaiting() }
