package leases

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// breaker keeps calls from a Redis that does not respond.
type breaker struct {
	log *slog.Logger

	mu    sync.Mutex
	until time.Time
	pause time.Duration
}

var errPaused = errors.New("redis did not respond a moment ago")

// call makes a call of Redis, unless one has failed a moment ago, and bounds it.
func (l *Leases) call(ctx context.Context, do func(context.Context) error) error {
	if !l.breaker.isClosed() {
		return errPaused
	}
	timed, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	err := do(timed)
	if err != nil && ctx.Err() != nil {
		return err // the caller's own end says nothing of Redis
	}
	if err != nil {
		l.figures.failures.Add(1)
	}
	l.breaker.record(err)
	return err
}

func (b *breaker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !time.Now().Before(b.until)
}

// record counts the outcome of a call.
func (b *breaker) record(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		if b.pause > 0 {
			b.log.Info("fill leases: Redis responds again")
		}
		b.pause = 0
		return
	}
	if time.Now().Before(b.until) {
		return // of a call that was under way
	}
	if b.pause == 0 {
		b.log.Warn("fill leases: Redis does not respond, each server makes what it is asked for", "err", err)
	}
	b.pause = min(max(2*b.pause, leastPause), mostPause)
	b.until = time.Now().Add(b.pause)
}
