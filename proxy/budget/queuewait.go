package budget

import (
	"context"
	"time"
)

// QueueWait is how much longer a request may wait for budgets, for all of them
// together. The time of its work is not counted. It is for one goroutine.
type QueueWait struct{ left time.Duration }

// NewQueueWait gives a request so much queue wait.
func NewQueueWait(d time.Duration) *QueueWait { return &QueueWait{left: d} }

// In runs f, which waits for a budget. Out of queue wait the cause of the
// context that f gets, and so its error, is ErrSaturated.
func (w *QueueWait) In(ctx context.Context, f func(context.Context) (*Grant, error)) (*Grant, error) {
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
func (w *QueueWait) Spend(d time.Duration) { w.left -= d }
