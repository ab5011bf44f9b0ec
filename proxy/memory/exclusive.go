package memory

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// admitExclusive makes room for a job that is larger than the share of all jobs. The
// events, in this order, because a fill holds its source while it waits for
// its working set:
//
//  1. One such job at a time: the others wait here, as far as there is room for
//     their sources. Clients do not become more from now on; idle ones go.
//  2. No new source is let in. Those that are in flight are worked on and go,
//     until what is left of them fits beside the job.
//  3. No new job is let in, and those under way end.
//  4. Idle workers but one go, the cache gives way as far as it must, and the
//     heap gives back what it freed.
//
// When the job is done all of it is undone.
func (g *Governor) admitExclusive(ctx context.Context, wait *budget.QueueWait, need int64, src Source) (done func(), err error) {
	held := src.Reserved()
	var undo []func()
	release := func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	admitted := false
	defer func() {
		if !admitted { // also by a panic
			release()
		}
	}()
	if g.underPressure() && need > g.currentPlan().Transforms {
		return nil, budget.ErrSaturated // no time for the largest ones
	}
	leave, err := g.exclusive.join(need, src, held, g.exclusiveNow(g.Connections.EvictDownTo(ExclusiveClients, IdleGrace)))
	if err != nil {
		return nil, err
	}
	undo = append(undo, leave)
	turn, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return g.Budgets.Exclusive.Acquire(ctx, 1) })
	if err != nil {
		return nil, err
	}
	undo = append(undo, turn.Release)
	// From here on clients may not become more.
	clients := max(g.Connections.EvictDownTo(ExclusiveClients, IdleGrace), ExclusiveClients)
	g.exclusiveClients.Store(int64(clients))
	undo = append(undo, func() { g.exclusiveClients.Store(0) })
	most := g.exclusiveNow(clients)
	if most < need+held {
		return nil, budget.ErrSaturated // it fits, but not beside so many clients
	}
	defer g.Responses.DrainOverflow()()
	for _, step := range []struct {
		account *budget.Budget
		down    int64
	}{{g.Budgets.Sources, most - need}, {g.Budgets.Transforms, 0}} {
		undo = append(undo, step.account.Pause())
		if _, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return nil, step.account.Drain(ctx, step.down) }); err != nil {
			return nil, err
		}
	}
	if g.cfg.Workers != nil {
		g.cfg.Workers.LetGo()
	}
	undo = append(undo, g.shrinkCache(most-need-g.Budgets.Sources.Stats().InUse))
	g.exclusiveBytes.Store(need)
	undo = append(undo, func() { g.exclusiveBytes.Store(0) })
	admitted = true
	g.log.Debug("job runs exclusively", "reserved", need, "clients", clients, "sources", g.Budgets.Sources.Stats().InUse)
	return release, nil
}

// exclusiveQueue is the jobs that wait to run alone, and the one that does. Each holds
// its source meanwhile, perhaps with others, and the one whose turn it is needs
// room beside all of these.
type exclusiveQueue struct {
	mu      sync.Mutex
	needs   []int64
	holders map[Source]*sourceRef
	held    int64
}

// sourceRef is a source that jobs of the line hold together.
type sourceRef struct {
	jobs  int
	bytes int64
}

// join lets a job in, unless one of the line could then not run within most
// bytes: that is budget.ErrSaturated at once.
func (q *exclusiveQueue) join(need int64, src Source, held, most int64) (leave func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.holders[src]
	if h != nil {
		held = 0 // it is there already
	}
	if slices.Max(append(q.needs, need))+q.held+held > most {
		return nil, budget.ErrSaturated
	}
	if h == nil {
		if q.holders == nil {
			q.holders = map[Source]*sourceRef{}
		}
		h = &sourceRef{bytes: held}
		q.holders[src] = h
	}
	q.needs = append(q.needs, need)
	h.jobs++
	q.held += held
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		i := slices.Index(q.needs, need)
		q.needs = slices.Delete(q.needs, i, i+1)
		if h.jobs--; h.jobs == 0 {
			q.held -= h.bytes
			delete(q.holders, src)
		}
	}, nil
}

// shrinkCache makes the cache give way so that it fits into room, if it does not.
func (g *Governor) shrinkCache(room int64) (restore func()) {
	g.inForce.mu.Lock()
	defer g.inForce.mu.Unlock()
	keep := int64(float64(max(room, 0)) / gcOverhead)
	if keep >= g.inForce.plan.Cache {
		return func() {}
	}
	g.inForce.cacheYields, g.inForce.cacheBytes = true, keep
	g.applyLimits()
	// The worker is about to take what was freed here.
	debug.FreeOSMemory()
	return func() {
		g.inForce.mu.Lock()
		defer g.inForce.mu.Unlock()
		g.inForce.cacheYields = false
		g.applyLimits()
	}
}
