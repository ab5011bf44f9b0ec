package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// patience is how much longer a fill may stand in lines, all of them
// together. What it spends on work is not counted.
type patience struct{ left time.Duration }

// in runs f, which stands in one line. Out of patience the context's cause,
// and so the error, is budget.ErrSaturated.
func (p *patience) in(ctx context.Context, f func(context.Context) (*budget.Grant, error)) (*budget.Grant, error) {
	start := time.Now() // before the deadline is set, or some of the patience would be left when it is over
	ctx, cancel := context.WithTimeoutCause(ctx, p.left, budget.ErrSaturated)
	defer cancel()
	g, err := f(ctx)
	p.left -= time.Since(start)
	return g, err
}

// grants are held together and given back together, the last one first.
type grants []*budget.Grant

func (g grants) release() {
	for i := len(g) - 1; i >= 0; i-- {
		g[i].Release()
	}
}

// admit waits for the bytes of a working set, then for a worker. Bytes come
// first: a job that waits for many of them must not keep a worker from others.
// One that is larger than the share of all jobs has the server to itself.
func (s *Server) admit(ctx context.Context, wait *patience, src *source, need int64) (release func(), err error) {
	shared, err := s.beside(ctx, wait, need)
	if !errors.Is(err, budget.ErrTooLarge) {
		return shared.release, err
	}
	if total := need + src.held(); total > s.sharesNow().Alone {
		return nil, fmt.Errorf("%w: this image needs about %s of memory; request a smaller result, use a smaller source, or raise --memory-limit to %s",
			budget.ErrTooLarge, mebibytes(need), mebibytes(s.cfg.LimitFor(total)))
	}
	return s.alone(ctx, wait, need, src)
}

// beside admits a job beside others. It gives budget.ErrTooLarge also where
// the share became too small for the job while it waited.
func (s *Server) beside(ctx context.Context, wait *patience, need int64) (g grants, err error) {
	for _, line := range []struct {
		account *budget.Budget
		n       int64
	}{{s.accounts.transforms, need}, {s.accounts.slots, 1}} {
		grant, err := wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return line.account.Acquire(ctx, line.n) })
		if err != nil {
			g.release()
			return nil, err
		}
		g = append(g, grant)
	}
	return g, nil
}

// perHost is how many fetches from one host take place at once, but no more
// than half of all that may: a slow host must not hold up the others.
const perHost = 32

// turns lets fetches take place, first by host and then in all.
type turns struct {
	all *budget.Budget

	mu    sync.Mutex
	hosts map[string]*hostTurns
}

// hostTurns is in the table for as long as anybody is in it or before it.
type hostTurns struct {
	budget *budget.Budget
	users  int
}

func newTurns(all *budget.Budget) *turns { return &turns{all: all, hosts: map[string]*hostTurns{}} }

// take waits for a turn. A source without a host needs none.
func (t *turns) take(ctx context.Context, wait *patience, host string) (release func(), err error) {
	if host == "" {
		return func() {}, nil
	}
	h, err := t.enter(host)
	if err != nil {
		return nil, err
	}
	var g grants
	for _, b := range []*budget.Budget{h.budget, t.all} {
		turn, err := wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return b.Acquire(ctx, 1) })
		if err != nil {
			g.release()
			t.leave(host, h)
			return nil, err
		}
		g = append(g, turn)
	}
	return func() {
		g.release()
		t.leave(host, h)
	}, nil
}

func (t *turns) enter(host string) (*hostTurns, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[host]
	if h == nil {
		b, err := budget.New(budget.Config{Capacity: max(min(perHost, t.all.Stats().Capacity/2), 1)})
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
