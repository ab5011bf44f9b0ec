package budget

import (
	"context"
	"testing"
	"time"
)

// The waits of a request for several budgets take no more than its queue wait together.
func TestBudgetsShareOneQueueWait(t *testing.T) {
	wait := NewQueueWait(20 * time.Millisecond)
	full, err := New(Config{Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	g, err := full.TryAcquire(1)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Release()
	stand := func(ctx context.Context) (*Grant, error) { return full.Acquire(ctx, 1) }
	for range 2 {
		if _, err := wait.In(context.Background(), stand); err != ErrSaturated || wait.Left() > 0 {
			t.Errorf("%v with %v left", err, wait.Left())
		}
	}
}
