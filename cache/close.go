package cache

import (
	"context"
	"fmt"
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(c.fillTimeout.Load())+closeAfter)
	defer cancel()
	_ = c.Shutdown(ctx) // what did not end is given up on
}

// Shutdown cancels the fills without requests that wait, waits for the others, then closes the tiers. When ctx ends,
// the others are canceled, too. Fills that have not ended a second later are left to themselves, and the error counts
// them. A Get after Shutdown hits nothing and fills nothing.
func (c *Cache) Shutdown(ctx context.Context) error {
	if !c.background.close() {
		return nil
	}
	c.flights.Close()
	err := c.awaitEnd(ctx)
	if c.cfg.Bucket != nil {
		c.cfg.Bucket.queue.close(ctx)
	}
	c.ram.Close()
	for _, t := range c.cfg.Lower {
		t.Close()
	}
	return err
}

// awaitEnd waits for all fills and promotions.
func (c *Cache) awaitEnd(ctx context.Context) error {
	if c.hasEnded(ctx) {
		return nil
	}
	c.flights.Cancel()
	last, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	if c.hasEnded(last) {
		return nil
	}
	return fmt.Errorf("%d fills and %d promotions did not end", c.flights.Running(), len(c.promoting))
}

// hasEnded waits until ctx ends, and reports whether nothing runs any more.
func (c *Cache) hasEnded(ctx context.Context) bool {
	return c.flights.Wait(ctx) && c.background.wait(ctx)
}
