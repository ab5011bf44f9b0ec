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
	// maxWaits is how many times the patience a call is waited for that gets
	// nothing done itself.
	maxWaits = 10
	// maxAstray bounds the calls that hang by themselves: each holds a thread.
	maxAstray = 32
	// maxCalls is how many calls are under way at once: each that hangs holds a
	// thread.
	maxCalls = 64
	// maxErrands bounds what is done without anybody waiting for it.
	maxErrands = 8
	// maxDoomed is how many names are remembered that were dropped meanwhile.
	// Beyond that all that the store has is dropped.
	maxDoomed = 10_000
)

// hang is what a store knows of calls that hang.
type hang struct {
	mu sync.Mutex
	// calls are those that were given up on and have not returned, but for
	// astray, which hang by themselves.
	calls, astray int
	// doomed are records to be dropped when they have; all: there were too many
	// to remember, so that every record is.
	doomed  map[Name]struct{}
	all     bool
	errands int
}

// hangs says whether the store does.
func (s *Store) hangs() bool {
	s.hang.mu.Lock()
	defer s.hang.mu.Unlock()
	return s.hang.calls > 0
}

// Patience is for how long a call to the disk is waited for while nothing gets
// done.
func (s *Store) Patience() time.Duration { return s.cfg.Patience }

// call is something that is asked of the disk.
type call struct {
	do func()
	// ctx is whose end ends the wait; nil is for none. The call goes on.
	ctx context.Context
	// late is called when it returns after nobody waits for it any more; nil is
	// for nothing to do then.
	late func()
	// steps count what a long call gets done, such as a write; nil is for short
	// ones. That a long one takes its time says nothing of the disk: it is given
	// up on when the store hangs, as others find, or when it gets nowhere itself.
	steps *atomic.Uint64
	// vital: nothing goes on without it, so it does not hang by itself. It needs
	// no place among the others: it works under the store's lock, and such calls
	// hold one thread together.
	vital bool
	// patient: what was begun would be lost, so the store is only said to hang
	// where this takes as long as none may. A store that is closed does not wait.
	patient bool
}

func (c call) got() uint64 {
	if c.steps == nil {
		return 0
	}
	return c.steps.Load()
}

// within calls f and reports whether it returned in time. Where it did not, late
// is called when it does.
func (s *Store) within(f, late func()) bool { return s.ask(call{do: f, late: late}) }

// ask makes a call and reports whether it returned in time. Where it did not,
// what it gives is not the caller's.
func (s *Store) ask(c call) bool {
	if c.ctx == nil || c.ctx.Done() == nil {
		return s.watch(c)
	}
	if c.ctx.Err() != nil {
		return false
	}
	// It is watched on when the caller has left: how long it takes says something
	// of the disk all the same.
	watched := make(chan bool)
	go func() {
		ok := s.watch(c)
		select {
		case watched <- ok:
		case <-c.ctx.Done():
			if ok && c.late != nil {
				c.late()
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

// watch makes a call and waits until it returns or is given up on.
func (s *Store) watch(c call) bool {
	if s.hangs() || !c.vital && !s.enter() {
		return false
	}
	done := make(chan struct{})
	all, own, waits := s.done.Load(), c.got(), 0
	go func() {
		defer close(done)
		if !c.vital {
			defer func() { <-s.calls }()
		}
		c.do()
	}()
	for !before(done, s.cfg.Patience) {
		now, got := s.done.Load(), c.got()
		if waits++; got != own {
			waits = 0
		}
		quiet := now == all
		all, own = now, got
		short := c.steps == nil && (!c.patient || s.ended())
		if waits >= maxWaits || quiet && short || c.steps != nil && s.hangs() {
			s.giveUp(done, c.late, !quiet && !c.vital && !s.hangs())
			return false
		}
	}
	return true
}

// enter waits for a place among the calls that are under way, as long as for a
// call, and reports whether there is one. Those who have the places find out
// whether the store hangs.
func (s *Store) enter() bool {
	for range maxWaits {
		select {
		case s.calls <- struct{}{}:
			return true
		default:
		}
		late := time.NewTimer(s.cfg.Patience)
		select {
		case s.calls <- struct{}{}:
			late.Stop()
			return true
		case <-late.C:
		}
		if s.hangs() {
			return false
		}
	}
	return false
}

// before reports whether a channel is closed before so much time has passed.
func before(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// soon calls f and gives its error, or ErrHangs where it takes longer than that.
// late is called when it has gone well after that.
func soon(d time.Duration, f func() error, late func()) error {
	done := make(chan struct{})
	var result error
	go func() {
		defer close(done)
		result = f()
	}()
	if before(done, d) {
		return result
	}
	go func() {
		if <-done; result == nil {
			late()
		}
	}()
	return ErrHangs
}

// giveUp counts a call that hangs, alone or with the store, until it returns.
func (s *Store) giveUp(done <-chan struct{}, late func(), alone bool) {
	s.hang.mu.Lock()
	if alone = alone && s.hang.astray < maxAstray; alone {
		s.hang.astray++
	} else {
		s.hang.calls++
	}
	first := !alone && s.hang.calls == 1
	s.hang.mu.Unlock()
	if first {
		s.cfg.Log.Error("disk cache stopped responding: not used until the disk responds again", "store", s.name)
	}
	go func() {
		<-done
		if late != nil {
			late()
		}
		if !alone {
			s.back()
			return
		}
		s.hang.mu.Lock()
		defer s.hang.mu.Unlock()
		s.hang.astray--
	}()
}

// back counts one that has returned. Before the store has anything again for
// anybody, what was dropped meanwhile is.
func (s *Store) back() {
	for {
		s.hang.mu.Lock()
		if s.hang.calls > 1 || len(s.hang.doomed) == 0 && !s.hang.all {
			s.hang.calls--
			last := s.hang.calls == 0
			s.hang.mu.Unlock()
			if last {
				s.cfg.Log.Info("disk cache responds again", "store", s.name)
				s.tidy()
			}
			return
		}
		doomed, all := s.hang.doomed, s.hang.all
		s.hang.doomed, s.hang.all = nil, false
		s.hang.mu.Unlock()
		if all {
			s.dropAll()
			continue
		}
		for name := range doomed {
			s.drop(name)
		}
	}
}

// tidy has the files removed of records that were dropped and are still there.
func (s *Store) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undone {
		s.errand(s.catchUp)
	}
}

// doom has a record dropped when the store does not hang any more. It reports
// whether the store hangs.
func (s *Store) doom(name Name) bool {
	s.hang.mu.Lock()
	defer s.hang.mu.Unlock()
	if s.hang.calls == 0 {
		return false
	}
	if s.hang.doomed == nil {
		s.hang.doomed = map[Name]struct{}{}
	}
	if !s.hang.all {
		s.hang.doomed[name] = struct{}{}
	}
	if len(s.hang.doomed) > s.cfg.maxDoomed {
		s.hang.doomed, s.hang.all = nil, true
	}
	return true
}

// errand has something done that nobody waits for, or not at all.
func (s *Store) errand(f func()) {
	s.hang.mu.Lock()
	defer s.hang.mu.Unlock()
	if s.closed.Load() || s.hang.calls > 0 || s.hang.errands >= maxErrands {
		return
	}
	s.hang.errands++
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		f()
		s.hang.mu.Lock()
		defer s.hang.mu.Unlock()
		s.hang.errands--
	}()
}
