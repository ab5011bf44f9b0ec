package memory

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// uploadsOf are Uploads with so many bytes for sources.
func uploadsOf(t *testing.T, sources int64) *Uploads {
	t.Helper()
	of := func(capacity int64) *budget.Budget {
		b, err := budget.New(budget.Config{Capacity: capacity, MaxWait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return NewUploads(of(shareOfUploads(sources)), of(sources))
}

// sends is an upload that was admitted and is being read; cut is set when it is cut off.
func (us *Uploads) sends(t *testing.T, n int64, cut *atomic.Bool) *Upload {
	t.Helper()
	u := us.New(func() { cut.Store(true) })
	if err := u.Reserve(t.Context(), budget.NewQueueWait(time.Minute), n); err != nil {
		t.Fatal(err)
	}
	u.Begin()
	return u
}

func TestUploadsHaveHalfOfTheSources(t *testing.T) {
	us := uploadsOf(t, 100)
	var cut atomic.Bool
	small := us.sends(t, 30, &cut)
	none := budget.NewQueueWait(0)
	if err := us.New(nil).Reserve(t.Context(), none, 21); !errors.Is(err, budget.ErrSaturated) {
		t.Errorf("more than half: %v", err)
	}
	if err := us.New(nil).Reserve(t.Context(), none, 101); !errors.Is(err, budget.ErrTooLarge) {
		t.Errorf("more than all: %v", err)
	}
	if err := small.Reserve(t.Context(), none, 20); err != nil {
		t.Errorf("what is left: %v", err)
	}
	if err := small.Reserve(t.Context(), none, 40); err != nil {
		t.Errorf("one upload beyond the half: %v", err)
	}
	small.End()
	large := us.sends(t, 90, &cut)
	if got := us.share.Stats().InUse; got != 50 {
		t.Errorf("a large upload has %d", got)
	}
	large.End()
	if st := us.share.Stats(); st.InUse != 0 || len(us.open) != 0 || cut.Load() {
		t.Errorf("%+v and %d uploads are left over", st, len(us.open))
	}
}

// A client is cut off only for others, after a second, and where it sends slowly.
func TestSlowUploadsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us := uploadsOf(t, 1000)
		var quickCut, slowCut, slowestCut atomic.Bool
		quick, slow, slowest := us.sends(t, 100, &quickCut), us.sends(t, 100, &slowCut), us.sends(t, 100, &slowestCut)
		quick.Received(5 << 20)
		slow.Received(1 << 10)
		time.Sleep(5 * time.Second)
		if quickCut.Load() || slowCut.Load() || slowestCut.Load() {
			t.Error("cut off for nobody")
		}
		waits := us.New(nil)
		err := waits.Reserve(t.Context(), budget.NewQueueWait(2*cutInterval), 300)
		if !errors.Is(err, budget.ErrSaturated) {
			t.Errorf("there is room: %v", err)
		}
		if !slowestCut.Load() || quickCut.Load() {
			t.Errorf("cut off: %v %v %v", quickCut.Load(), slowCut.Load(), slowestCut.Load())
		}
		slowest.End() // as its read has ended
		slow.End()
		for _, u := range []*Upload{quick, waits} {
			u.End()
		}
		// A job that waits for all sources has them give way, too, and so has a new client.
		var cut atomic.Bool
		one := us.sends(t, 100, &cut)
		done := us.YieldTo()
		time.Sleep(minReadTime / 2)
		if cut.Load() {
			t.Error("cut off before its rate is known")
		}
		time.Sleep(minReadTime)
		if !cut.Load() || us.CutSlowest() || us.Cuts() < 2 {
			t.Errorf("cut off %v, %d times", cut.Load(), us.Cuts())
		}
		done()
		one.End()
		two := us.sends(t, 100, &cut)
		two.Received(1 << 30)
		time.Sleep(maxReadTime)
		two.Done()
		if us.CutSlowest() {
			t.Error("a client that has sent all was cut off")
		}
		two.End()
		if len(us.open) != 0 {
			t.Errorf("%d uploads are left over", len(us.open))
		}
	})
}
