package memory

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// admitExclusive makes room for a job that is larger than the budget of transforms.
// The steps have this order because a fill holds its source while it waits for its
// working set:
//
//  1. One such job at a time: the others wait here, as far as there is room for
//     their sources. The number of clients does not grow from now on, and idle
//     connections are closed.
//  2. No new source is admitted. Jobs of the sources in flight go on, until the
//     sources that are left fit beside the job.
//  3. No new job is admitted, and the running ones end.
//  4. Idle workers but one end, that one gives back its spare memory, the cache shrinks
//     as far as it must, and the heap gives back what that freed.
//
// When the job ends, or is not admitted, all steps are undone.
func (g *Governor) admitExclusive(
	ctx context.Context, wait *budget.QueueWait, need int64, src Source,
) (done func(), err error) {
	held := src.Reserved()
	var undo undoStack
	admitted := false
	defer func() {
		if !admitted { // also by a panic
			undo.run()
		}
	}()
	if g.underPressure() && need > g.currentPlan().Transforms {
		return nil, budget.ErrSaturated // no time for the largest ones
	}
	room := g.exclusiveNow(g.Connections.EvictDownTo(ExclusiveClients, IdleGrace))
	leave, err := g.exclusive.join(need, src, held, room)
	if err != nil {
		return nil, err
	}
	undo.add(leave)
	turn, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
		return g.Budgets.Exclusive.Acquire(ctx, 1)
	})
	if err != nil {
		return nil, err
	}
	undo.add(turn.Release)
	// From here on clients may not become more.
	clients := max(g.Connections.EvictDownTo(ExclusiveClients, IdleGrace), ExclusiveClients)
	g.exclusive.clients.Store(int64(clients))
	undo.add(func() { g.exclusive.clients.Store(0) })
	room = g.exclusiveNow(clients)
	if room < need+held {
		return nil, budget.ErrSaturated // it fits, but not beside so many clients
	}
	defer g.Responses.DrainOverflow()()
	defer g.Uploads.YieldTo()()
	for _, step := range []struct {
		from *budget.Budget
		down int64
	}{{g.Budgets.Sources, room - need}, {g.Budgets.Transforms, 0}} {
		undo.add(step.from.Pause())
		if _, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
			return nil, step.from.Drain(ctx, step.down)
		}); err != nil {
			return nil, err
		}
	}
	if g.cfg.Workers != nil {
		g.cfg.Workers.ReleaseIdle()
	}
	undo.add(g.withholdSpare())
	undo.add(g.shrinkCache(room - need - g.Budgets.Sources.Stats().InUse))
	g.exclusive.bytes.Store(need)
	undo.add(func() { g.exclusive.bytes.Store(0) })
	admitted = true
	g.log.Debug("job runs exclusively",
		"reserved", need, "clients", clients, "sources", g.Budgets.Sources.Stats().InUse)
	return undo.run, nil
}

// undoStack undoes steps, the last one first.
type undoStack []func()

func (u *undoStack) add(undo func()) { *u = append(*u, undo) }

func (u *undoStack) run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
}

// exclusiveQueue is the jobs that wait to run exclusively, and the job that does. Each
// holds its source meanwhile, perhaps together with other jobs, and the running job
// needs room beside all of these sources.
type exclusiveQueue struct {
	// clients is how many may be connected while a job runs, and bytes what that job was
	// admitted with; 0 where none does.
	clients, bytes atomic.Int64

	mu    sync.Mutex
	needs []int64 // of each job, in bytes
	refs  map[Source]*sourceRef
	held  int64 // by all sources, in bytes
}

// sourceRef counts the jobs of the queue that hold a source, of so many bytes.
type sourceRef struct {
	jobs  int
	bytes int64
}

// join adds a job, unless one of the queue could then not run within room: that
// is budget.ErrSaturated at once.
func (q *exclusiveQueue) join(need int64, src Source, held, room int64) (leave func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ref := q.refs[src]
	if ref != nil {
		held = 0 // it is there already
	}
	if slices.Max(append(q.needs, need))+q.held+held > room {
		return nil, budget.ErrSaturated
	}
	if ref == nil {
		if q.refs == nil {
			q.refs = map[Source]*sourceRef{}
		}
		ref = &sourceRef{bytes: held}
		q.refs[src] = ref
	}
	q.needs = append(q.needs, need)
	ref.jobs++
	q.held += held
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		i := slices.Index(q.needs, need)
		q.needs = slices.Delete(q.needs, i, i+1)
		if ref.jobs--; ref.jobs == 0 {
			q.held -= ref.bytes
			delete(q.refs, src)
		}
	}, nil
}

// shrinkCache makes the cache, garbage included, fit into so many bytes, until restore
// is called. A cache that fits stays as it is.
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
