package budget

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// What is in use before, what background work asks for, and whether it may be spared.
func TestBackgroundWorkLeavesHalf(t *testing.T) {
	for _, tc := range []struct {
		capacity, inUse, n int64
		want               error
	}{
		{10, 0, 5, nil}, {10, 0, 10, nil}, {10, 1, 4, nil}, {10, 1, 5, ErrYielded}, {10, 5, 1, ErrYielded},
		{10, 10, 1, ErrYielded}, {10, 10, 0, nil}, {10, 0, 11, ErrTooLarge}, {1, 0, 1, nil}, {1, 1, 1, ErrYielded},
		{2, 1, 1, ErrYielded}, {4, 1, 1, nil}, {4, 2, 1, ErrYielded},
	} {
		b := newBudget(t, Config{Capacity: tc.capacity})
		held := acquire(t, b, tc.inUse)
		if tc.want != ErrTooLarge && tc.n > 0 && b.CanSpare(tc.n) != (tc.want == nil) {
			t.Errorf("%+v: CanSpare says otherwise", tc)
		}
		g, err := b.Acquire(InBackground(t.Context()), tc.n)
		if !errors.Is(err, tc.want) || (g == nil) != (err != nil) {
			t.Errorf("%+v: %v", tc, err)
		}
		if g != nil {
			g.Release()
		}
		held.Release()
		if s := b.Stats(); s.InUse != 0 || s.Shed != 0 || s.Waiting != 0 {
			t.Errorf("%+v: %+v", tc, s)
		}
	}
}

// While a request waits, background work gets nothing, also not what would fit beside.
func TestBackgroundWorkDoesNotOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		held := acquire(t, b, 1)
		served := make(chan *Grant)
		go func() { served <- acquire(t, b, 10) }()
		synctest.Wait()
		if _, err := b.Acquire(InBackground(t.Context()), 1); !errors.Is(err, ErrYielded) || b.CanSpare(1) {
			t.Errorf("beside a request that waits: %v", err)
		}
		held.Release()
		(<-served).Release()
		resume := b.Pause()
		if _, err := b.Acquire(InBackground(t.Context()), 1); !errors.Is(err, ErrYielded) {
			t.Errorf("in a pause: %v", err)
		}
		resume()
		acquireIn(InBackground(t.Context()), t, b, 1).Release()
	})
}

// Whatever background work holds, a request is served as soon as there is room.
func TestARequestWaitsForBackgroundWorkAtMostOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 1})
		background := acquireIn(InBackground(t.Context()), t, b, 1)
		served := make(chan *Grant)
		go func() { served <- acquire(t, b, 1) }()
		synctest.Wait()
		background.Release()
		if _, err := b.Acquire(InBackground(t.Context()), 1); !errors.Is(err, ErrYielded) {
			t.Errorf("the next background work came first: %v", err)
		}
		(<-served).Release()
	})
}

func TestBackgroundWorkThatIsGivenUp(t *testing.T) {
	b := newBudget(t, Config{Capacity: 1})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := b.Acquire(InBackground(ctx), 1); err != gone || b.Stats().Cancelled != 1 {
		t.Errorf("%v, %+v", err, b.Stats())
	}
}

func acquireIn(ctx context.Context, t testing.TB, b *Budget, n int64) *Grant {
	t.Helper()
	g, err := b.Acquire(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
