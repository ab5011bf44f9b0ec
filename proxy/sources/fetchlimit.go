package sources

import (
	"container/list"
	"context"
	"sync"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// FetchesPerHost bounds the fetches from one host at the same time where its settings do not; half of all
// slots is the bound where that is less. A slow host must not hold up the others (bulkhead).
const FetchesPerHost = 32

// fetchLimiter bounds the fetches at the same time, of each host and of all hosts. A host
// gets another slot only while it has less than half as many as are free: the first host
// gets a third of all slots at most, the next one a third of the rest. So hosts that never
// answer leave slots to others, however many fetches wait for them.
type fetchLimiter struct {
	// slots are those of all hosts, one for each fetch.
	slots *budget.Budget

	mu    sync.Mutex
	hosts map[string]*hostLimiter
	// queue has the *queuedFetch that are within the bound of their host, the oldest in
	// front.
	queue list.List
}

// hostLimiter bounds the fetches from one host. It is in the table while fetches hold it.
type hostLimiter struct {
	budget *budget.Budget
	// refs count the fetches that run or wait.
	refs int
	// running is how many of the slots the host has.
	running int64
}

// queuedFetch is a fetch that waits for a slot.
type queuedFetch struct {
	host *hostLimiter
	// ready has room for the one grant, so that a sender never waits.
	ready chan *budget.Grant
}

func newFetchLimiter(slots *budget.Budget) *fetchLimiter {
	return &fetchLimiter{slots: slots, hosts: map[string]*hostLimiter{}}
}

// acquireSlot waits until a fetch is within the bound of its host, and then for a slot. A
// source without a host needs none. most is the bound of the host; 0 for FetchesPerHost.
func (l *fetchLimiter) acquireSlot(
	ctx context.Context, wait *budget.QueueWait, host string, most int,
) (release func(), err error) {
	if host == "" {
		return func() {}, nil
	}
	h, err := l.retainHost(host, most)
	if err != nil {
		return nil, err
	}
	ofHost, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return h.budget.Acquire(ctx, 1) })
	if err != nil {
		l.releaseHost(host, h)
		return nil, err
	}
	slot, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return l.waitForSlot(ctx, h) })
	if err != nil {
		ofHost.Release()
		l.releaseHost(host, h)
		return nil, err
	}
	return func() {
		l.releaseSlot(h, slot)
		ofHost.Release()
		l.releaseHost(host, h)
	}, nil
}

// retainHost finds or makes the limiter of a host, which releaseHost lets go of.
func (l *fetchLimiter) retainHost(host string, most int) (*hostLimiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[host]
	if h == nil {
		if most <= 0 {
			most = FetchesPerHost
		}
		b, err := budget.New(budget.Config{Capacity: max(min(int64(most), l.slots.Stats().Capacity/2), 1)})
		if err != nil {
			return nil, err
		}
		h = &hostLimiter{budget: b}
		l.hosts[host] = h
	}
	h.refs++
	return h, nil
}

func (l *fetchLimiter) releaseHost(host string, h *hostLimiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.refs--; h.refs == 0 {
		delete(l.hosts, host)
	}
}

// waitForSlot waits for a slot, until ctx ends, whose cause is then the error. Background
// work does not wait.
func (l *fetchLimiter) waitForSlot(ctx context.Context, h *hostLimiter) (*budget.Grant, error) {
	l.mu.Lock()
	if ctx.Err() != nil {
		l.mu.Unlock()
		return nil, context.Cause(ctx)
	}
	background := budget.IsBackground(ctx)
	yields := background && (l.queue.Len() > 0 || !l.slots.CanSpare(1))
	if !yields {
		if g := l.tryGrantLocked(h); g != nil {
			l.mu.Unlock()
			return g, nil
		}
	}
	if background {
		l.mu.Unlock()
		return nil, budget.ErrYielded
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
	case g := <-w.ready: // granted before ctx ended
		return g, nil
	default:
		l.queue.Remove(place)
		return nil, context.Cause(ctx)
	}
}

// tryGrantLocked gives a host another slot where it may have one; else nil.
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

// releaseSlot ends a fetch.
func (l *fetchLimiter) releaseSlot(h *hostLimiter, slot *budget.Grant) {
	l.mu.Lock()
	h.running--
	slot.Release()
	l.mu.Unlock()
	l.grantWaiting()
}

// grantWaiting grants slots to queued fetches, after slots have become free.
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

// FetchStats are figures of the limits on fetches.
type FetchStats struct {
	// Hosts is how many hosts have fetches that run or wait.
	Hosts int
	// PerHost is how many fetches are within the bound of their host, or wait for it.
	PerHost int
	// Waiting is how many of the fetches within the bound of their host wait for a slot.
	Waiting int
}

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
