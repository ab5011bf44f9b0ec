package budget

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What is charged counts whatever else does, also during a Pause, and nothing is
// granted until what is there fits again.
func TestChargeCountsWhatIsThereAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 10})
		first := acquire(t, b, 8)
		resume := b.Pause()
		over := b.Charge(7)
		resume()
		if s := b.Stats(); s.InUse != 15 || over.Bytes() != 7 {
			t.Errorf("%+v", s)
		}
		if _, err := b.TryAcquire(1); !errors.Is(err, ErrSaturated) {
			t.Errorf("beside it: %v", err)
		}
		got := make(chan error)
		go func() {
			g, err := b.Acquire(context.Background(), 3)
			if err == nil {
				g.Release()
			}
			got <- err
		}()
		synctest.Wait()
		over.Shrink(4) // 12 of 10
		synctest.Wait()
		if s := b.Stats(); s.Waiting != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Second)
		first.Release()
		if err := <-got; err != nil {
			t.Error(err)
		}
		over.Release()
		b.Charge(0).Release()
		b.Charge(-1).Release()
		if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
			t.Errorf("in the end: %+v", s)
		}
	})
}

// Charges, however much and long, leave the prediction of waits as it is, and what
// was granted of a capacity that is lower since leaves it in bounds.
func TestChargesPredictNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, Config{Capacity: 1000, MaxWait: time.Minute})
		for range 20 {
			b.Resize(1000)
			g, charged := acquire(t, b, 1000), b.Charge(1000)
			b.Resize(1)
			time.Sleep(time.Second)
			g.Release()
			time.Sleep(time.Hour)
			charged.Release()
		}
		if d := b.hold.mean().Round(time.Millisecond); d != time.Second {
			t.Errorf("grants were held for %v", d)
		}
	})
}

// Where grants are revocable, however long they were held refuses no request.
func TestRevocableRefusesNobodyForLongHolds(t *testing.T) {
	for _, revocable := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(t, Config{Capacity: 10, MaxWait: time.Minute, Revocable: revocable})
			for range 20 {
				g := acquire(t, b, 10)
				time.Sleep(time.Hour)
				g.Release()
			}
			g := acquire(t, b, 10)
			time.AfterFunc(time.Second, g.Release)
			got, err := b.Acquire(context.Background(), 10)
			if revocable != (err == nil) {
				t.Errorf("revocable %v: %v", revocable, err)
			}
			if err == nil {
				got.Release()
			}
			time.Sleep(time.Minute)
		})
	}
}
