package proxy

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// garbage is how many bytes a byte of the cache may take of the heap before
// Go's collector has run: the headroom that config.Plan keeps beside it.
const garbage = 1.4

// alone makes room for a job that is larger than the share of all jobs. The
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
func (s *Server) alone(ctx context.Context, wait *budget.QueueWait, need int64, src *source) (done func(), err error) {
	held := src.held()
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
	if s.pressed() && need > s.sharesNow().Transforms {
		return nil, budget.ErrSaturated // no time for the largest ones
	}
	leave, err := s.line.join(need, src, held, s.aloneBeside(s.connections.EvictDownTo(aloneClients, memory.IdleGrace)))
	if err != nil {
		return nil, err
	}
	undo = append(undo, leave)
	turn, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return s.accounts.turn.Acquire(ctx, 1) })
	if err != nil {
		return nil, err
	}
	undo = append(undo, turn.Release)
	// From here on clients may not become more.
	clients := max(s.connections.EvictDownTo(aloneClients, memory.IdleGrace), aloneClients)
	s.clientsBeside.Store(int64(clients))
	undo = append(undo, func() { s.clientsBeside.Store(0) })
	most := s.aloneBeside(clients)
	if most < need+held {
		return nil, budget.ErrSaturated // it fits, but not beside so many clients
	}
	defer s.responses.DrainOverflow()()
	for _, step := range []struct {
		account *budget.Budget
		down    int64
	}{{s.accounts.bodies, most - need}, {s.accounts.transforms, 0}} {
		undo = append(undo, step.account.Pause())
		if _, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return nil, step.account.Drain(ctx, step.down) }); err != nil {
			return nil, err
		}
	}
	if t, ok := s.cfg.Transformer.(interface{ LetGo() }); ok {
		t.LetGo()
	}
	undo = append(undo, s.yield(most-need-s.accounts.bodies.Stats().InUse))
	s.aloneBytes.Store(need)
	undo = append(undo, func() { s.aloneBytes.Store(0) })
	admitted = true
	s.log.Debug("job runs exclusively", "reserved", need, "clients", clients, "sources", s.accounts.bodies.Stats().InUse)
	return release, nil
}

// line is the jobs that wait to run alone, and the one that does. Each holds
// its source meanwhile, perhaps with others, and the one whose turn it is needs
// room beside all of these.
type line struct {
	mu      sync.Mutex
	needs   []int64
	holders map[*source]*holding
	held    int64
}

// holding is a source that jobs of the line hold together.
type holding struct {
	jobs  int
	bytes int64
}

// join lets a job in, unless one of the line could then not run within most
// bytes: that is budget.ErrSaturated at once.
func (l *line) join(need int64, src *source, held, most int64) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.holders[src]
	if h != nil {
		held = 0 // it is there already
	}
	if slices.Max(append(l.needs, need))+l.held+held > most {
		return nil, budget.ErrSaturated
	}
	if h == nil {
		if l.holders == nil {
			l.holders = map[*source]*holding{}
		}
		h = &holding{bytes: held}
		l.holders[src] = h
	}
	l.needs = append(l.needs, need)
	h.jobs++
	l.held += held
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		i := slices.Index(l.needs, need)
		l.needs = slices.Delete(l.needs, i, i+1)
		if h.jobs--; h.jobs == 0 {
			l.held -= h.bytes
			delete(l.holders, src)
		}
	}, nil
}

// yield makes the cache give way so that it fits into room, if it does not.
func (s *Server) yield(room int64) (restore func()) {
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	keep := int64(float64(max(room, 0)) / garbage)
	if keep >= s.shares.now.Cache {
		return func() {}
	}
	s.shares.yielded, s.shares.cache = true, keep
	s.settle()
	// The worker is about to take what was freed here.
	debug.FreeOSMemory()
	return func() {
		s.shares.mu.Lock()
		defer s.shares.mu.Unlock()
		s.shares.yielded = false
		s.settle()
	}
}
