package diskstore

import "sync"

const (
	// maxStragglers bounds the operations that hang by themselves: each holds a thread.
	maxStragglers = 32
	// maxBackground bounds the work that no caller waits for.
	maxBackground = 8
	// maxPendingDrops is how many names of dropped records are kept while the breaker
	// is not closed. Beyond that every record of the store is dropped.
	maxPendingDrops = 10_000
)

// breaker is the circuit breaker of a store. It has three states:
//
//   - Closed: operations run.
//   - Open: an operation has stalled. All others fail at once, and drops are kept.
//   - Half-open: all stalled operations have returned but the last, which carries
//     out the kept drops first. Others still fail at once, and drops are still kept.
//
// So no caller finds a record that was dropped while the disk hung.
type breaker struct {
	mu sync.Mutex
	// stalled are the operations that were abandoned and have not returned. The
	// breaker is closed where there are none.
	stalled int
	// stragglers were abandoned, too, but hang by themselves: other operations get done.
	stragglers int
	// pendingDrops are records to drop before the breaker closes; dropsAll: there
	// were too many to keep, so every record is.
	pendingDrops map[Name]struct{}
	dropsAll     bool
	// background is how much work runs that no caller waits for.
	background int
}

// isClosed reports whether operations may run.
func (b *breaker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stalled == 0
}

// countAbandoned counts an operation that was abandoned. straggler is false where
// there are too many of those; opened reports whether this one opened the breaker.
func (b *breaker) countAbandoned(alone bool) (straggler, opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if alone && b.stragglers < maxStragglers {
		b.stragglers++
		return true, false
	}
	b.stalled++
	return false, b.stalled == 1
}

// countStraggler counts a straggler that has returned.
func (b *breaker) countStraggler() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stragglers--
}

// countReturned counts a stalled operation that has returned, unless it is the last
// one and there are drops to carry out first: the caller does that and calls again.
// closed reports whether the breaker is closed now.
func (b *breaker) countReturned() (drops map[Name]struct{}, all, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stalled > 1 || len(b.pendingDrops) == 0 && !b.dropsAll {
		b.stalled--
		return nil, false, b.stalled == 0
	}
	drops, all = b.pendingDrops, b.dropsAll
	b.pendingDrops, b.dropsAll = nil, false
	return drops, all, false
}

// deferDrop keeps a drop until the breaker closes, among at most so many. It reports
// false where the breaker is closed already.
func (b *breaker) deferDrop(name Name, most int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stalled == 0:
		return false
	case b.dropsAll:
		return true
	case b.pendingDrops == nil:
		b.pendingDrops = map[Name]struct{}{}
	}
	b.pendingDrops[name] = struct{}{}
	if len(b.pendingDrops) > most {
		b.pendingDrops, b.dropsAll = nil, true
	}
	return true
}
