package proxy

import (
	"context"
	"sync"
)

// waitUntil waits for what is running until ctx ends.
func waitUntil(ctx context.Context, running *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		running.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
