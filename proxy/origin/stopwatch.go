package origin

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

// stopwatch ends a context with ErrTimeout after a span of time that can be
// paused. It starts paused and runs from the first connection on.
type stopwatch struct {
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	left    time.Duration
	started time.Time // zero while paused
	timer   *time.Timer
}

func newStopwatch(ctx context.Context, span time.Duration) (context.Context, *stopwatch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &stopwatch{cancel: cancel, left: span}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { w.resume() },
	}), w
}

func (w *stopwatch) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started.IsZero() {
		return
	}
	w.started = time.Now()
	w.timer = time.AfterFunc(w.left, func() { w.cancel(ErrTimeout) })
}

func (w *stopwatch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started.IsZero() {
		return
	}
	w.timer.Stop()
	w.left -= time.Since(w.started)
	w.started = time.Time{}
}

func (w *stopwatch) end() {
	w.pause()
	w.cancel(nil)
}
