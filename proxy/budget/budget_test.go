package budget

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newBudget(t testing.TB, cfg Config) *Budget {
	t.Helper()
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func acquire(t testing.TB, b *Budget, n int64) *Grant {
	t.Helper()
	g, err := b.Acquire(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNewRefusesNoCapacity(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("a budget of nothing")
	}
}

func TestTooLargeFailsAtOnce(t *testing.T) {
	b := newBudget(t, Config{Capacity: 10})
	if _, err := b.Acquire(context.Background(), 11); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Acquire: %v", err)
	}
	if _, err := b.TryAcquire(11); !errors.Is(err, ErrTooLarge) {
		t.Errorf("TryAcquire: %v", err)
	}
	if err := acquire(t, b, 10).Grow(1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Grow: %v", err)
	}
}

func TestServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		held := acquire(t, b, 10)
		var order []int64
		var mu sync.Mutex
		for _, n := range []int64{9, 1, 5, 5} {
			go func() {
				g, err := b.Acquire(context.Background(), n)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
				time.Sleep(time.Second)
				g.Release()
			}()
			synctest.Wait()
		}
		if s := b.Stats(); s.Waiting != 4 || s.WaitingBytes != 20 {
			t.Errorf("%+v", s)
		}
		held.Release()
		synctest.Wait()
		mu.Lock()
		if first := slices.Sorted(slices.Values(order)); !slices.Equal(first, []int64{1, 9}) {
			t.Errorf("first %v", first)
		}
		mu.Unlock()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 || s.WaitingBytes != 0 || s.Granted != 5 || s.Peak != 10 {
			t.Errorf("%+v", s)
		}
	})
}

// A large request does not hold up the others at once, nor they it for ever.
func TestOvertakingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10, MaxOvertake: 3})
		held := acquire(t, b, 5)
		giant := make(chan *Grant, 1)
		go func() { giant <- acquire(t, b, 8) }()
		synctest.Wait()
		for range 3 {
			acquire(t, b, 1).Release()
		}
		if _, err := b.TryAcquire(1); !errors.Is(err, ErrSaturated) {
			t.Errorf("the fourth overtook, too: %v", err)
		}
		late := make(chan *Grant, 1)
		go func() { late <- acquire(t, b, 3) }()
		synctest.Wait()
		if len(giant)+len(late) > 0 {
			t.Error("a request was served early")
		}
		held.Release()
		synctest.Wait()
		if len(giant) != 1 || len(late) != 0 {
			t.Errorf("giant %d, late %d", len(giant), len(late))
		}
		(<-giant).Release()
		(<-late).Release()
	})
}

func TestALineThatIsTooSlowIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10, MaxWait: 5 * time.Second})
		held := func() {
			g := acquire(t, b, 10)
			time.Sleep(4 * time.Second)
			g.Release()
		}
		held() // one says nothing yet
		g := acquire(t, b, 10)
		waits := make(chan error, 1)
		go func() { _, err := b.Acquire(context.Background(), 10); waits <- err }()
		synctest.Wait()
		go func() { _, err := b.Acquire(context.Background(), 10); waits <- err }()
		synctest.Wait()
		if b.Stats().Waiting != 2 {
			t.Errorf("shed by a guess: %+v", b.Stats())
		}
		for range 2 {
			if err := <-waits; !errors.Is(err, ErrSaturated) {
				t.Error(err)
			}
		}
		g.Release()
		held()
		g = acquire(t, b, 10)
		second := make(chan *Grant, 1)
		go func() { second <- acquire(t, b, 10) }()
		synctest.Wait()
		start := time.Now()
		if _, err := b.Acquire(context.Background(), 10); !errors.Is(err, ErrSaturated) || time.Since(start) > 0 {
			t.Errorf("a wait of 8 s: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if _, err := b.Acquire(ctx, 1); !errors.Is(err, ErrSaturated) || time.Since(start) > 0 {
			t.Errorf("a wait longer than the deadline: %v after %v", err, time.Since(start))
		}
		shed := b.Stats().Shed
		if _, err := b.Acquire(Optional(ctx), 1); !errors.Is(err, ErrSaturated) || b.Stats().Shed != shed ||
			b.Stats().Declined != 1 {
			t.Errorf("work that does without: %v, %+v", err, b.Stats())
		}
		g.Release()
		(<-second).Release()
	})
}

func TestPauseAndDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10, MaxWait: 5 * time.Second})
		one, two := acquire(t, b, 3), acquire(t, b, 3)
		resume := b.Pause()
		if err := one.Grow(1); !errors.Is(err, ErrSaturated) {
			t.Errorf("Grow: %v", err)
		}
		drained := make(chan error, 1)
		go func() { drained <- b.Drain(context.Background(), 3) }()
		synctest.Wait()
		if len(drained) > 0 {
			t.Error("drained too early")
		}
		two.Release()
		if err := <-drained; err != nil {
			t.Error(err)
		}
		start := time.Now()
		err := b.Drain(context.Background(), 0)
		if !errors.Is(err, ErrSaturated) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := b.Drain(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, err := b.Acquire(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		waiting := make(chan *Grant, 1)
		go func() { waiting <- acquire(t, b, 1) }()
		synctest.Wait()
		one.Release()
		synctest.Wait()
		if len(waiting) > 0 {
			t.Error("granted in a pause")
		}
		resume()
		resume()
		(<-waiting).Release()
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10, MaxWait: 5 * time.Second, MaxQueue: 1})
		held := acquire(t, b, 10)
		start := time.Now()
		_, err := b.Acquire(context.Background(), 1)
		if !errors.Is(err, ErrSaturated) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		cause := errors.New("the client left")
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		go func() { // is first in the queue, so that the next one finds it full
			time.Sleep(time.Millisecond)
			if _, err := b.Acquire(context.Background(), 1); !errors.Is(err, ErrSaturated) {
				t.Errorf("a full queue: %v", err)
			}
		}()
		if _, err := b.Acquire(ctx, 1); !errors.Is(err, cause) {
			t.Errorf("cancelled: %v", err)
		}
		held.Release()
		if s := b.Stats(); s.Shed != 2 || s.Cancelled != 1 || s.InUse != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhoLeavesLetsOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		held := acquire(t, b, 5)
		ctx, cancel := context.WithCancel(context.Background())
		go b.Acquire(ctx, 8)
		synctest.Wait()
		got := make(chan *Grant)
		go func() { got <- acquire(t, b, 4) }()
		synctest.Wait()
		cancel()
		(<-got).Release()
		held.Release()
	})
}

func TestGrowAndRelease(t *testing.T) {
	b := newBudget(t, Config{Capacity: 10})
	g, other := acquire(t, b, 3), acquire(t, b, 4)
	if err := g.Grow(3); err != nil || g.Bytes() != 6 {
		t.Errorf("%d, %v", g.Bytes(), err)
	}
	if err := g.Grow(1); !errors.Is(err, ErrSaturated) {
		t.Errorf("got %v", err)
	}
	for n, want := range map[int64]error{0: nil, 1: ErrSaturated, 5: ErrTooLarge} {
		if err := g.TryGrow(n); !errors.Is(err, want) || g.Bytes() != 6 {
			t.Errorf("TryGrow(%d): %v, %d bytes", n, err, g.Bytes())
		}
	}
	if s := b.Stats(); s.Shed != 1 || s.TooLarge != 0 {
		t.Errorf("TryGrow counts: %+v", s)
	}
	other.Release()
	g.Release()
	g.Release()
	if err := g.Grow(1); err == nil || g.Bytes() != 0 {
		t.Errorf("a released grant grew: %d, %v", g.Bytes(), err)
	}
	if s := b.Stats(); s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

func TestShrinkLetsOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		g := acquire(t, b, 10)
		got := make(chan *Grant)
		go func() { w, _ := b.Acquire(context.Background(), 4); got <- w }()
		synctest.Wait()
		g.Shrink(7)
		g.Shrink(8) // is no growth
		synctest.Wait()
		if g.Bytes() != 7 || b.Stats().Waiting != 1 {
			t.Errorf("%d, %+v", g.Bytes(), b.Stats())
		}
		g.Shrink(6)
		w := <-got
		g.Shrink(-1)
		g.Release()
		w.Release()
		w.Shrink(0)
		if s := b.Stats(); s.InUse != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		held := acquire(t, b, 8)
		errs := make(chan error)
		go func() { _, err := b.Acquire(context.Background(), 7); errs <- err }()
		synctest.Wait()
		got := make(chan *Grant)
		go func() { g, _ := b.Acquire(context.Background(), 4); got <- g }()
		synctest.Wait()
		b.Resize(5)
		if err := <-errs; !errors.Is(err, ErrTooLarge) {
			t.Errorf("one that can never fit any more: %v", err)
		}
		if _, err := b.Acquire(context.Background(), 6); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a newcomer: %v", err)
		}
		synctest.Wait()
		if s := b.Stats(); s.Capacity != 5 || s.InUse != 8 || s.Waiting != 1 || s.TooLarge != 2 {
			t.Errorf("%+v", s)
		}
		b.Resize(12)
		g := <-got
		g.Release()
		held.Release()
	})
}

// TestModel compares with a model: whatever happens in whatever order, grants
// stay within the capacity, the front of the queue waits only for what does
// not fit, and in the end nothing is in use.
