package budget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestACauseIsCountedAsACancellation(t *testing.T) {
	b := newBudget(t, Config{Capacity: 10})
	cause := fmt.Errorf("another budget: %w", ErrSaturated)
	dead, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if g, err := b.Acquire(dead, 5); g != nil || err != cause {
		t.Errorf("bytes for a request that was given up: %v, %v", g, err)
	}
	if _, err := b.Acquire(dead, 11); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if g, err := b.Acquire(dead, 0); err != nil || g.Bytes() != 0 {
		t.Errorf("nothing was asked for: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		held := acquire(t, b, 10)
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if _, err := b.Acquire(ctx, 5); err != cause {
			t.Errorf("got %v", err)
		}
		held.Release()
		if s := b.Stats(); s.Cancelled != 1 || s.Shed != 0 || s.InUse != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestNothingIsAlwaysGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		held := acquire(t, b, 10)
		go func() { acquire(t, b, 5).Release() }()
		synctest.Wait()
		for _, n := range []int64{0, -1, math.MinInt64} {
			g, err := b.TryAcquire(n)
			if err != nil || g.Bytes() != 0 {
				t.Errorf("%d: %v", n, err)
			}
			acquire(t, b, n).Release()
			g.Release()
		}
		held.Release()
		synctest.Wait()
		if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestHugeNumbersDoNotOverflow(t *testing.T) {
	b := newBudget(t, Config{Capacity: math.MaxInt64})
	g := acquire(t, b, math.MaxInt64-1)
	if err := g.Grow(math.MaxInt64); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Grow: %v", err)
	}
	if _, err := b.TryAcquire(math.MaxInt64); !errors.Is(err, ErrSaturated) {
		t.Errorf("TryAcquire: %v", err)
	}
	g.Release()
}

// Many at once, each counting what all of them hold.
func TestManyAtOnceStayWithinTheCapacity(t *testing.T) {
	const capacity = 100
	b := newBudget(t, Config{Capacity: capacity})
	var held atomic.Int64
	hold := func(n int64) {
		if sum := held.Add(n); sum > capacity {
			t.Errorf("%d are held", sum)
		}
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 200 {
				n := int64(1 + (i*31+j*17)%60)
				ctx, cancel := context.WithCancel(context.Background())
				if j%5 == 0 {
					go cancel()
				}
				g, err := b.Acquire(ctx, n)
				cancel()
				if err != nil {
					continue
				}
				hold(n)
				if g.Grow(7) == nil {
					hold(7)
				}
				runtime.Gosched()
				held.Add(-g.Bytes())
				go g.Release() // twice, at once: the bytes come back once
				g.Release()
			}
		})
	}
	wg.Wait()
	if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 || s.WaitingBytes != 0 || s.Peak > capacity ||
		s.Granted+s.Cancelled != 16*200 {
		t.Errorf("%+v", s)
	}
}
