package cache

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// closeAfter is for how long Close waits for fills beyond their own time.
	closeAfter = 5 * time.Second
	// cancelTime is how long fills may take to end when they are told to.
	cancelTime = time.Second
)

// Close is Shutdown with as much time as a fill may take, and a little more.
func (c *Cache) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.FillTimeout+closeAfter)
	defer cancel()
	_ = c.Shutdown(ctx) // what did not end is given up on
}

// Shutdown ends the fills that nobody waits for, waits for the others, then
// closes the tiers. When ctx ends the others are ended, too; what does not end
// then, a second later, is left to itself, and the error says what it was. A Get
// after it hits nothing and fills nothing.
func (c *Cache) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.end()
	c.mu.Unlock()
	c.cancel(func(f *flight) bool { return f.waiters == 0 }) // there is nobody any more to be served
	err := c.ended(ctx)
	c.memory.Close()
	for _, t := range c.cfg.Lower {
		t.Close()
	}
	return err
}

// cancel ends fills.
func (c *Cache) cancel(which func(*flight) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.filling {
		if which(f) {
			f.cancel()
		}
	}
}

// ended waits for all that runs.
func (c *Cache) ended(ctx context.Context) error {
	if waitFor(ctx, &c.running) {
		return nil
	}
	c.cancel(func(*flight) bool { return true })
	last, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	if waitFor(last, &c.running) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Errorf("%d fills and %d promotions did not end", len(c.filling), len(c.promoting))
}

// waitFor waits for a group until ctx ends, and reports whether all of it was
// done. Nothing may be added to the group any more.
func waitFor(ctx context.Context, g *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Wait()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
