package diskstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A disk may also hang, which is no error: a call to it returns after minutes,
// or never. Nobody who wants a picture waits for that. A call is given a while,
// and one more each time that anything else of the store gets done, for a disk
// may be slow; after that the store counts as hanging, and has nothing for
// anybody, until that call returns.
//
// A call may also hang by itself, where all else gets done. It is given up on
// after some such whiles, and leaves the store as it is.
//
// So what hangs is bounded by the calls that may be under way at once, and by a
// few others.

const (
	// maxStallWaits is how many times the patience a call is waited for that gets
	// nothing done itself.
	maxStallWaits = 10
	// maxStragglers bounds the calls that hang by themselves: each holds a thread.
	maxStragglers = 32
	// maxOps is how many calls are under way at once: each that hangs holds a
	// thread.
	maxOps = 64
	// maxBackground bounds what is done without anybody waiting for it.
	maxBackground = 8
	// maxPendingDrops is how many names are remembered that were dropped meanwhile.
	// Beyond that all that the store has is dropped.
	maxPendingDrops = 10_000
)

// breaker is what a store knows of calls that hang.
type breaker struct {
	mu sync.Mutex
	// stalled are those that were given up on and have not returned, but for
	// stragglers, which hang by themselves.
	stalled, stragglers int
	// doomed are records to be dropped when they have; all: there were too many
	// to remember, so that every record is.
	pendingDrops map[Name]struct{}
	dropsAll     bool
	background   int
}

// isStalled says whether the store does.
func (s *Store) isStalled() bool {
	s.breaker.mu.Lock()
	defer s.breaker.mu.Unlock()
	return s.breaker.stalled > 0
}

// StallTimeout is for how long a call to the disk is waited for while nothing gets
// done.
func (s *Store) StallTimeout() time.Duration { return s.cfg.StallTimeout }

// ioOp is something that is asked of the disk.
type ioOp struct {
	run func()
	// ctx is whose end ends the wait; nil is for none. The call goes on.
	ctx context.Context
	// late is called when it returns after nobody waits for it any more; nil is
	// for nothing to do then.
	onLate func()
	// steps count what a long call gets done, such as a write; nil is for short
	// ones. That a long one takes its time says nothing of the disk: it is given
	// up on when the store hangs, as others find, or when it gets nowhere itself.
	progress *atomic.Uint64
	// vital: nothing goes on without it, so it does not hang by itself. It needs
	// no place among the others: it works under the store's lock, and such calls
	// hold one thread together.
	essential bool
	// patient: what was begun would be lost, so the store is only said to hang
	// where this takes as long as none may. A store that is closed does not wait.
	patient bool
}

func (c ioOp) progressMade() uint64 {
	if c.progress == nil {
		return 0
	}
	return c.progress.Load()
}

// doWithTimeout calls f and reports whether it returned in time. Where it did not, late
// is called when it does.
func (s *Store) doWithTimeout(f, late func()) bool { return s.doIO(ioOp{run: f, onLate: late}) }

// doIO makes a call and reports whether it returned in time. Where it did not,
// what it gives is not the caller's.
func (s *Store) doIO(c ioOp) bool {
	if c.ctx == nil || c.ctx.Done() == nil {
		return s.runWatched(c)
	}
	if c.ctx.Err() != nil {
		return false
	}
	// It is watched on when the caller has left: how long it takes says something
	// of the disk all the same.
	watched := make(chan bool)
	go func() {
		ok := s.runWatched(c)
		select {
		case watched <- ok:
		case <-c.ctx.Done():
			if ok && c.onLate != nil {
				c.onLate()
			}
		}
	}()
	select {
	case ok := <-watched:
		return ok
	case <-c.ctx.Done():
		return false
	}
}

// runWatched makes a call and waits until it returns or is given up on.
func (s *Store) runWatched(c ioOp) bool {
	if s.isStalled() || !c.essential && !s.acquireSlot() {
		return false
	}
	done := make(chan struct{})
	all, own, waits := s.progress.Load(), c.progressMade(), 0
	go func() {
		defer close(done)
		if !c.essential {
			defer func() { <-s.slots }()
		}
		c.run()
	}()
	for !closedWithin(done, s.cfg.StallTimeout) {
		now, got := s.progress.Load(), c.progressMade()
		if waits++; got != own {
			waits = 0
		}
		quiet := now == all
		all, own = now, got
		short := c.progress == nil && (!c.patient || s.isClosing())
		if waits >= maxStallWaits || quiet && short || c.progress != nil && s.isStalled() {
			s.abandonOp(done, c.onLate, !quiet && !c.essential && !s.isStalled())
			return false
		}
	}
	return true
}

// acquireSlot waits for a place among the calls that are under way, as long as for a
// call, and reports whether there is one. Those who have the places find out
// whether the store hangs.
func (s *Store) acquireSlot() bool {
	for range maxStallWaits {
		select {
		case s.slots <- struct{}{}:
			return true
		default:
		}
		late := time.NewTimer(s.cfg.StallTimeout)
		select {
		case s.slots <- struct{}{}:
			late.Stop()
			return true
		case <-late.C:
		}
		if s.isStalled() {
			return false
		}
	}
	return false
}

// closedWithin reports whether a channel is closed before so much time has passed.
func closedWithin(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// runWithTimeout calls f and gives its error, or ErrStalled where it takes longer than that.
// late is called when it has gone well after that.
func runWithTimeout(d time.Duration, f func() error, late func()) error {
	done := make(chan struct{})
	var result error
	go func() {
		defer close(done)
		result = f()
	}()
	if closedWithin(done, d) {
		return result
	}
	go func() {
		if <-done; result == nil {
			late()
		}
	}()
	return ErrStalled
}

// abandonOp counts a call that hangs, alone or with the store, until it returns.
func (s *Store) abandonOp(done <-chan struct{}, late func(), alone bool) {
	s.breaker.mu.Lock()
	if alone = alone && s.breaker.stragglers < maxStragglers; alone {
		s.breaker.stragglers++
	} else {
		s.breaker.stalled++
	}
	first := !alone && s.breaker.stalled == 1
	s.breaker.mu.Unlock()
	if first {
		s.cfg.Log.Error("disk cache stopped responding: not used until the disk responds again", "store", s.name)
	}
	go func() {
		<-done
		if late != nil {
			late()
		}
		if !alone {
			s.onReturn()
			return
		}
		s.breaker.mu.Lock()
		defer s.breaker.mu.Unlock()
		s.breaker.stragglers--
	}()
}

// onReturn counts one that has returned. Before the store has anything again for
// anybody, what was dropped meanwhile is.
func (s *Store) onReturn() {
	for {
		s.breaker.mu.Lock()
		if s.breaker.stalled > 1 || len(s.breaker.pendingDrops) == 0 && !s.breaker.dropsAll {
			s.breaker.stalled--
			last := s.breaker.stalled == 0
			s.breaker.mu.Unlock()
			if last {
				s.cfg.Log.Info("disk cache responds again", "store", s.name)
				s.retryRemovals()
			}
			return
		}
		doomed, all := s.breaker.pendingDrops, s.breaker.dropsAll
		s.breaker.pendingDrops, s.breaker.dropsAll = nil, false
		s.breaker.mu.Unlock()
		if all {
			s.dropAll()
			continue
		}
		for name := range doomed {
			s.dropRecord(name)
		}
	}
}

// retryRemovals has the files removed of records that were dropped and are still there.
func (s *Store) retryRemovals() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pendingRemovals {
		s.goBackground(s.removePending)
	}
}

// deferDrop has a record dropped when the store does not hang any more. It reports
// whether the store hangs.
func (s *Store) deferDrop(name Name) bool {
	s.breaker.mu.Lock()
	defer s.breaker.mu.Unlock()
	if s.breaker.stalled == 0 {
		return false
	}
	if s.breaker.pendingDrops == nil {
		s.breaker.pendingDrops = map[Name]struct{}{}
	}
	if !s.breaker.dropsAll {
		s.breaker.pendingDrops[name] = struct{}{}
	}
	if len(s.breaker.pendingDrops) > s.cfg.maxPendingDrops {
		s.breaker.pendingDrops, s.breaker.dropsAll = nil, true
	}
	return true
}

// goBackground has something done that nobody waits for, or not at all.
func (s *Store) goBackground(f func()) {
	s.breaker.mu.Lock()
	defer s.breaker.mu.Unlock()
	if s.closed.Load() || s.breaker.stalled > 0 || s.breaker.background >= maxBackground {
		return
	}
	s.breaker.background++
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		f()
		s.breaker.mu.Lock()
		defer s.breaker.mu.Unlock()
		s.breaker.background--
	}()
}
