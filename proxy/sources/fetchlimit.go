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
type turns struct {
	all *budget.Budget

	mu    sync.Mutex
	hosts map[string]*hostTurns
	// queue are fetches that their host lets pass, of *queuedTurn, the first to
	// come in front.
	queue list.List
}

// hostTurns is in the table for as long as anybody is in it or before it.
type hostTurns struct {
	budget *budget.Budget
	users  int
	// running is how many of all turns the host has.
	running int64
}

// queuedTurn is a fetch that waits for one of all turns.
type queuedTurn struct {
	host  *hostTurns
	ready chan *budget.Grant // has room for the one grant
}

func newTurns(all *budget.Budget) *turns { return &turns{all: all, hosts: map[string]*hostTurns{}} }

// take waits for a turn. A source without a host needs none.
func (t *turns) take(ctx context.Context, wait *budget.QueueWait, host string) (release func(), err error) {
	if host == "" {
		return func() {}, nil
	}
	h, err := t.enter(host)
	if err != nil {
		return nil, err
	}
	own, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return h.budget.Acquire(ctx, 1) })
	if err != nil {
		t.leave(host, h)
		return nil, err
	}
	turn, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return t.start(ctx, h) })
	if err != nil {
		own.Release()
		t.leave(host, h)
		return nil, err
	}
	return func() {
		t.end(h, turn)
		own.Release()
		t.leave(host, h)
	}, nil
}

func (t *turns) enter(host string) (*hostTurns, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[host]
	if h == nil {
		b, err := budget.New(budget.Config{Capacity: max(min(FetchesPerHost, t.all.Stats().Capacity/2), 1)})
		if err != nil {
			return nil, err
		}
		h = &hostTurns{budget: b}
		t.hosts[host] = h
	}
	h.users++
	return h, nil
}

func (t *turns) leave(host string, h *hostTurns) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(t.hosts, host)
	}
}

// start waits for one of all turns; its error is ctx's cause.
func (t *turns) start(ctx context.Context, h *hostTurns) (*budget.Grant, error) {
	t.mu.Lock()
	if ctx.Err() != nil {
		t.mu.Unlock()
		return nil, context.Cause(ctx)
	}
	if g := t.grant(h); g != nil {
		t.mu.Unlock()
		return g, nil
	}
	w := &queuedTurn{host: h, ready: make(chan *budget.Grant, 1)}
	place := t.queue.PushBack(w)
	t.mu.Unlock()
	select {
	case g := <-w.ready:
		return g, nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case g := <-w.ready: // it came first
		return g, nil
	default:
		t.queue.Remove(place)
		return nil, context.Cause(ctx)
	}
}

// grant gives a host one more of all turns, if it may have one; else nil. The
// lock is held.
func (t *turns) grant(h *hostTurns) *budget.Grant {
	if s := t.all.Stats(); 2*h.running >= s.Capacity-s.InUse {
		return nil
	}
	g, err := t.all.TryAcquire(1)
	if err != nil {
		return nil
	}
	h.running++
	return g
}

// end is a fetch that is over.
func (t *turns) end(h *hostTurns, turn *budget.Grant) {
	t.mu.Lock()
	h.running--
	turn.Release()
	t.mu.Unlock()
	t.serve()
}

// serve grants turns to those that wait, after there are more of them.
func (t *turns) serve() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.queue.Front(); e != nil; {
		next, w := e.Next(), e.Value.(*queuedTurn)
		if g := t.grant(w.host); g != nil {
			t.queue.Remove(e)
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
func (t *Store) FetchStats() FetchStats { return t.turns.stats() }

func (t *turns) stats() (st FetchStats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.hosts {
		s := h.budget.Stats()
		st.PerHost += int(s.InUse) + s.Waiting
	}
	st.Hosts, st.Waiting = len(t.hosts), t.queue.Len()
	return st
}

// FetchesResized lets fetches take place that wait, after their budget has grown.
func (t *Store) FetchesResized() { t.turns.serve() }
