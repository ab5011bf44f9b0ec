package cache

import (
	"context"
	"sync"
)

// background runs the work that no request waits for, such as promotions, until the cache is closed.
type background struct {
	// ctx ends when the cache is closed.
	ctx    context.Context
	cancel context.CancelFunc

	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// start runs work on a goroutine of its own. Once closed, it reports false instead.
func (b *background) start(work func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.running.Go(work)
	return true
}

// close ends ctx, and has nothing started any more. It reports false where that was so before.
func (b *background) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.closed = true
	b.cancel()
	return true
}

// wait waits, after close, until all work has ended; where ctx ends first it reports false.
func (b *background) wait(ctx context.Context) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.running.Wait()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
