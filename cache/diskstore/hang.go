package diskstore

import (
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
// So what hangs is bounded by the calls that were under way when it began, and
// by a few others.

const (
	// maxWaits is how many times the patience a call is waited for that gets
	// nothing done itself.
	maxWaits = 10
	// maxAstray bounds the calls that hang by themselves: each holds a thread.
	maxAstray = 32
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
	// late is called when it returns after it was given up on; nil is for
	// nothing to do then.
	late func()
	// steps count what a long call gets done, such as a write; nil is for short
	// ones. That a long one takes its time says nothing of the disk: it is given
	// up on when the store hangs, as others find, or when it gets nowhere itself.
	steps *atomic.Uint64
	// vital: nothing goes on without it, so it does not hang by itself.
	vital bool
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

// ask makes a call and reports whether it returned in time.
func (s *Store) ask(c call) bool {
	if s.hangs() {
		return false
	}
	done := make(chan struct{})
	all, own, waits := s.done.Load(), c.got(), 0
	go func() {
		defer close(done)
		c.do()
	}()
	for !before(done, s.cfg.Patience) {
		now, got := s.done.Load(), c.got()
		if waits++; got != own {
			waits = 0
		}
		quiet := now == all
		all, own = now, got
		if waits >= maxWaits || quiet && c.steps == nil || c.steps != nil && s.hangs() {
			s.giveUp(done, c.late, !quiet && !c.vital && !s.hangs())
			return false
		}
	}
	return true
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
