package objectstore

import (
	"sync"
	"time"
)

// maxFailures is how many more failures than successes open a breaker.
const maxFailures = 5

// breaker is a circuit breaker. It opens after maxFailures, and after a pause one call at a time tries whether it may
// close.
type breaker struct {
	now   func() time.Time
	pause time.Duration

	mu       sync.Mutex
	failures int
	open     bool
	retry    time.Time
	trying   bool
	opened   uint64
}

// allow says whether a call may be made, or is to be a trial. Each is followed by record.
func (b *breaker) allow() (call, trial bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open:
		return true, false
	case b.trying || b.now().Before(b.retry):
		return false, false
	}
	b.trying = true
	return false, true
}

// verdict is how a call went.
type verdict int

const (
	good verdict = iota
	bad
	// unknown: it was given up for another reason.
	unknown
)

// record counts how a call went. changed says that the breaker has opened or closed.
func (b *breaker) record(v verdict, trial bool) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if trial {
		b.trying = false
	}
	switch {
	case v == good && trial:
		b.open, b.failures = false, 0
		return true
	case v == good:
		b.failures = max(b.failures-1, 0)
	case v == bad && (trial || !b.open):
		b.failures++
		if trial || b.failures >= maxFailures {
			if changed = !b.open; changed {
				b.opened++
			}
			b.open, b.retry = true, b.now().Add(b.pause)
		}
	}
	return changed
}

func (b *breaker) state() (open bool, opened uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open, b.opened
}
