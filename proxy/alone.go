package proxy

import (
	"context"
	"runtime/debug"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// garbage is how many bytes a byte of the cache may take of the heap before
// Go's collector has run: the headroom that config.Plan keeps beside it.
const garbage = 1.4

// alone makes room for a job that is larger than the share of all jobs. The
// events, in this order, because a fill holds its source while it waits for
// its working set:
//
//  1. One such job at a time: the others wait here.
//  2. No new source is let in. Those that are in flight are worked on and go,
//     until what is left of them fits beside the job.
//  3. No new job is let in, and those under way end.
//  4. Idle workers but one go, the cache gives way as far as it must, and the
//     heap gives back what it freed.
//
// When the job is done all of it is undone.
func (s *Server) alone(ctx context.Context, wait *patience, need int64) (done func(), err error) {
	var undo []func()
	release := func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	turn, err := wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return s.accounts.turn.Acquire(ctx, 1) })
	if err != nil {
		return nil, err
	}
	undo = append(undo, turn.Release)
	most := s.sharesNow().alone(s.gate.clients())
	if most < need {
		return nil, budget.ErrSaturated // it fits, but not beside so many clients
	}
	for _, step := range []struct {
		account *budget.Budget
		down    int64
	}{{s.accounts.bodies, most - need}, {s.accounts.transforms, 0}} {
		undo = append(undo, step.account.Pause())
		if _, err := wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return nil, step.account.Drain(ctx, step.down) }); err != nil {
			return nil, err
		}
	}
	if t, ok := s.cfg.Transformer.(interface{ LetGo() }); ok {
		t.LetGo()
	}
	undo = append(undo, s.yield(most-need-s.accounts.bodies.Stats().InUse))
	return release, nil
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
