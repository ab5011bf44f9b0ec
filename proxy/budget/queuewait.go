package budget

import (
	"context"
	"time"
)

// QueueWait is how much longer a request may wait for budgets, for all of them
// together. The time of its work is not counted. It is for one goroutine.
type QueueWait struct {
	left     time.Duration
	observer Observer
}

// Observer is told of the waits of a request.
type Observer interface {
	// WaitBegins and WaitEnds enclose a wait.
	WaitBegins()
	WaitEnds()
	// WaitedElsewhere is told what was waited elsewhere, after it was.
	WaitedElsewhere(d time.Duration)
}

// Observe has o told of all waits from then on.
func (w *QueueWait) Observe(o Observer) { w.observer = o }

// NewQueueWait gives a request so much queue wait.
func NewQueueWait(d time.Duration) *QueueWait { return &QueueWait{left: d} }

// In runs f, which waits for a budget. Out of queue wait the cause of the
// context that f gets, and so its error, is ErrSaturated.
func (w *QueueWait) In(ctx context.Context, f func(context.Context) (*Grant, error)) (*Grant, error) {
	if w.observer != nil {
		w.observer.WaitBegins()
		defer w.observer.WaitEnds()
	}
	start := time.Now() // before the deadline is set, or some queue wait would be left when it is over
	ctx, cancel := context.WithTimeoutCause(ctx, w.left, ErrSaturated)
	defer cancel()
	g, err := f(ctx)
	w.left -= time.Since(start)
	return g, err
}

// Left is how much queue wait is left; 0 or less means none.
func (w *QueueWait) Left() time.Duration { return w.left }

// Spend takes off what the request waited elsewhere.
func (w *QueueWait) Spend(d time.Duration) {
	w.left -= d
	if w.observer != nil {
		w.observer.WaitedElsewhere(d)
	}
}
