package diskstore

import (
	"context"
	"sync/atomic"
	"time"
)

// A disk may also hang, which is no error: an operation returns after minutes, or
// never. No request waits for that. An operation is given the stall timeout, and one
// more each time that any other operation of the store makes progress, because a disk
// may be slow. After that the breaker of the store opens until the operation returns.
//
// An operation may also hang by itself, while others get done. It is abandoned after
// a number of such timeouts, and the breaker stays closed.
//
// The slots are a bulkhead: they bound the operations under way, and with them the
// threads that a hanging disk can hold. There is a goroutine for each operation, not a
// fixed number of workers: an abandoned operation keeps its slot until it returns,
// as it would keep its worker, and an operation that works under the store's lock
// needs none.

const (
	// maxStallWaits is how many stall timeouts an operation is waited for that makes no
	// progress itself.
	maxStallWaits = 10
	// maxOps is how many operations are under way at once: each that hangs holds a
	// thread.
	maxOps = 64
)

// isStalled reports whether operations fail at once.
func (s *Store) isStalled() bool { return !s.breaker.isClosed() }

// StallTimeout is how long an operation is waited for while the disk makes no progress.
func (s *Store) StallTimeout() time.Duration { return s.cfg.StallTimeout }

// ioOp is an operation on the disk.
type ioOp struct {
	run func()
	// ctx is whose end ends the wait; nil is for none. The operation goes on.
	ctx context.Context
	// onLate is called when the operation returns after its caller has left; nil is
	// for nothing to do then.
	onLate func()
	// progress counts the steps of a long operation, such as a write; nil is for a short
	// one. The time that a long one takes says nothing of the disk: it is abandoned
	// when the breaker is open, or when it makes no progress itself.
	progress *atomic.Uint64
	// essential: nothing goes on without this operation, so it does not hang by
	// itself. It needs no slot: it works under the store's lock, and such operations hold
	// one thread together.
	essential bool
	// patient: what was begun would be lost, so the operation counts as stalled only
	// after the longest wait. A store that is closed does not wait.
	patient bool
}

func (op ioOp) progressMade() uint64 {
	if op.progress == nil {
		return 0
	}
	return op.progress.Load()
}

// doWithTimeout runs f as a short operation: see doIO.
func (s *Store) doWithTimeout(f, onLate func()) bool { return s.doIO(ioOp{run: f, onLate: onLate}) }

// doIO runs an operation and reports whether it returned in time. Where it did not,
// its results are not the caller's.
func (s *Store) doIO(op ioOp) bool {
	var left <-chan struct{} // closed when the caller has left
	if op.ctx != nil {
		left = op.ctx.Done()
	}
	if op.ctx != nil && op.ctx.Err() != nil || s.isStalled() || !op.essential && !s.acquireSlot(left) {
		return false
	}
	w := s.startWatched(op)
	if w.wait(left) {
		return w.returned
	}
	// The operation is watched on when the caller has left: how long it takes says
	// something of the disk all the same.
	go func() {
		if w.wait(nil); w.returned && op.onLate != nil {
			op.onLate()
		}
	}()
	return false
}

// watchedOp is an operation that runs, and what is known of its progress.
type watchedOp struct {
	ioOp
	store *Store
	done  chan struct{}
	// waits are the stall timeouts since the operation made progress itself. all and
	// own are the progress of the store and of the operation when the last one began.
	waits    int
	all, own uint64
	// returned: it has, and was not abandoned before.
	returned bool
}

// startWatched starts an operation, which has a slot unless it is essential.
func (s *Store) startWatched(op ioOp) *watchedOp {
	w := &watchedOp{ioOp: op, store: s, done: make(chan struct{}), all: s.progress.Load(), own: op.progressMade()}
	go func() {
		defer close(w.done)
		if !op.essential {
			defer func() { <-s.slots }()
		}
		op.run()
	}()
	return w
}

// wait waits until the operation returns or is abandoned, and reports false where the caller
// leaves before that.
func (w *watchedOp) wait(left <-chan struct{}) (ended bool) {
	late := time.NewTimer(w.store.cfg.StallTimeout)
	defer late.Stop()
	for {
		select {
		case <-w.done:
			w.returned = true
			return true
		case <-left:
			return false
		case <-late.C:
		}
		if w.isLate() {
			return true
		}
		late.Reset(w.store.cfg.StallTimeout)
	}
}

// isLate counts a stall timeout that has passed, and abandons the operation if it is too late.
func (w *watchedOp) isLate() bool {
	s := w.store
	allNow, ownNow := s.progress.Load(), w.progressMade()
	if w.waits++; ownNow != w.own {
		w.waits = 0
	}
	quiet := allNow == w.all
	w.all, w.own = allNow, ownNow
	short := w.progress == nil && !w.patient || w.patient && s.isClosing()
	if w.waits >= maxStallWaits || quiet && short || w.progress != nil && s.isStalled() {
		s.abandonOp(w.done, w.onLate, !quiet && !w.essential && !s.isStalled())
		return true
	}
	return false
}

// acquireSlot waits for a slot as long as for an operation, and reports whether there
// is one and the caller has not left. The operations that have the slots find out whether
// the disk hangs.
func (s *Store) acquireSlot(left <-chan struct{}) bool {
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
		case <-left:
			late.Stop()
			return false
		case <-late.C:
		}
		if s.isStalled() {
			return false
		}
	}
	return false
}

// abandonOp gives up the wait for an operation, which counts as stalled or, where it
// hangs alone, as a straggler until it returns.
func (s *Store) abandonOp(done <-chan struct{}, onLate func(), alone bool) {
	straggler, opened := s.breaker.countAbandoned(alone)
	if opened {
		s.cfg.Log.Error("disk cache stopped responding: not used until the disk responds again", "store", s.name)
	}
	go func() {
		<-done
		if onLate != nil {
			onLate()
		}
		if straggler {
			s.breaker.countStraggler()
		} else {
			s.onReturn()
		}
	}()
}

// onReturn counts a stalled operation that has returned. The last one carries out the
// pending drops before the breaker closes.
func (s *Store) onReturn() {
	for {
		drops, all, closed := s.breaker.countReturned()
		switch {
		case closed:
			s.cfg.Log.Info("disk cache responds again", "store", s.name)
			s.retryRemovals()
			return
		case all:
			s.dropAll()
		case drops == nil:
			return
		}
		for name := range drops {
			s.dropRecord(name)
		}
	}
}

// retryRemovals removes in the background the files of dropped records that are
// still there.
func (s *Store) retryRemovals() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pendingRemovals {
		s.goBackground(s.removePending)
	}
}

// goBackground runs f without a caller that waits, or not at all: the breaker is
// open, the store is closed, or there is enough of such work.
func (s *Store) goBackground(f func()) {
	b := &s.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.closed.Load() || b.stalled > 0 || b.background >= maxBackground {
		return
	}
	b.background++
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		f()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.background--
	}()
}
