package memory

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// stuckRig is a StuckWatch with a clock of its own. Work may take 50 s, so it waits for 100 s.
type stuckRig struct {
	t       *testing.T
	watch   StuckWatch
	budgets Budgets
	now     time.Time
	waiting int // fetches
	changes []string
}

func newStuckRig(t *testing.T) *stuckRig {
	t.Helper()
	b, err := newBudgets(Plan{Workers: 2, Fetches: 4, Sources: 100, Transforms: 100, Results: 100}, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &stuckRig{t: t, budgets: b, now: time.Unix(1_800_000_000, 0)}
}

// run passes so many seconds, each with a sample after what takes place in it.
func (r *stuckRig) run(seconds int, each func(second int)) {
	for i := range seconds {
		if each != nil {
			each(i)
		}
		r.now = r.now.Add(time.Second)
		stuck, moving := r.watch.sample(r.now, &r.budgets, r.waiting)
		for _, name := range stuck {
			r.changes = append(r.changes, "stuck "+name)
		}
		for _, name := range moving {
			r.changes = append(r.changes, "moves "+name)
		}
	}
}

func (r *stuckRig) expect(when string, changes ...string) {
	r.t.Helper()
	if !slices.Equal(r.changes, changes) {
		r.t.Errorf("%s: %q, want %q", when, r.changes, changes)
	}
	last := ""
	if len(changes) > 0 {
		last = changes[len(changes)-1]
	}
	name, stuck := strings.CutPrefix(last, "stuck ")
	err := r.watch.Err()
	if stuck != (err != nil) || stuck && (!strings.Contains(err.Error(), name) || !r.watch.isStuck(name)) {
		r.t.Errorf("%s: %v", when, err)
	}
}

func (r *stuckRig) take(b *budget.Budget, n int64) *budget.Grant {
	r.t.Helper()
	g, err := b.TryAcquire(n)
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

// queue has a request wait for n, until it is granted or cancelled.
func (r *stuckRig) queue(b *budget.Budget, n int64) (granted chan *budget.Grant, cancel func()) {
	r.t.Helper()
	ctx, stop := context.WithCancel(r.t.Context())
	granted = make(chan *budget.Grant, 1)
	before := b.Stats().Waiting
	go func() {
		g, _ := b.Acquire(ctx, n)
		granted <- g
	}()
	for b.Stats().Waiting == before {
		time.Sleep(100 * time.Microsecond)
	}
	return granted, func() {
		stop()
		if g := <-granted; g != nil {
			g.Release()
		}
	}
}

func TestStuckBudgetIsFoundAndRecovers(t *testing.T) {
	r := newStuckRig(t)
	held := r.take(r.budgets.Transforms, 100)
	r.run(600, nil)
	r.expect("nobody wants any")
	_, cancel := r.queue(r.budgets.Transforms, 10)
	r.run(100, nil)
	r.expect("after 100 s")
	r.run(1, nil)
	r.expect("after 101 s", "stuck transforms")
	cancel()
	r.run(3600, nil)
	r.expect("without requests, as it is not ready", "stuck transforms")
	held.Release()
	r.run(1, nil)
	r.expect("after the return", "stuck transforms", "moves transforms")
}

// Between two samples many requests may come and wait in vain.
func TestRequestsThatWaitedInVainAreSeen(t *testing.T) {
	r := newStuckRig(t)
	held := r.take(r.budgets.Workers, 2)
	r.budgets.Workers.SetMaxWait(time.Microsecond)
	r.run(102, func(int) {
		if _, err := r.budgets.Workers.Acquire(t.Context(), 1); err == nil {
			t.Error("there was room")
		}
	})
	r.expect("after 102 s", "stuck workers")
	held.Release()
}

// The budgets are full all the time, all work takes as long as it may, and requests wait all the time. One source is
// used by one transform after the other.
func TestOverloadIsNotStuck(t *testing.T) {
	r := newStuckRig(t)
	source, job := r.take(r.budgets.Sources, 100), r.take(r.budgets.Transforms, 100)
	_, cancel := r.queue(r.budgets.Sources, 10)
	next, cancelNext := r.queue(r.budgets.Transforms, 100)
	r.run(7200, func(second int) {
		if second%50 == 49 {
			job.Release()
			job = <-next
			next, cancelNext = r.queue(r.budgets.Transforms, 100)
		}
	})
	r.expect("in an overload")
	cancel()
	cancelNext()
	source.Release()
	job.Release()
}

func TestFetchesThatWaitInVainAreStuck(t *testing.T) {
	r := newStuckRig(t)
	held := r.take(r.budgets.Fetches, 4)
	r.waiting = 1
	r.run(102, nil)
	r.expect("after 102 s", "stuck fetches")
	r.waiting = 0
	held.Release()
	r.run(1, nil)
	r.expect("after the return", "stuck fetches", "moves fetches")
}

// What says nothing: requests that come now and then, those that are shed at once, and a machine that slept. Grants
// of nothing do not hide what is stuck.
func TestWhatIsNotStuck(t *testing.T) {
	r := newStuckRig(t)
	b := r.budgets.Transforms
	held := r.take(b, 100)
	cancel := func() {}
	r.run(3600, func(second int) {
		switch second % 120 {
		case 0:
			_, cancel = r.queue(b, 10)
		case 20:
			cancel()
		}
	})
	r.expect("a request in two minutes")
	r.run(600, func(int) {
		if _, err := b.TryAcquire(10); err == nil {
			t.Error("there was room")
		}
	})
	r.expect("shed at once")
	_, cancel = r.queue(b, 10)
	r.run(50, nil)
	r.now = r.now.Add(time.Hour)
	r.run(40, nil)
	r.expect("after an hour of sleep")
	r.run(20, func(int) {
		if g, err := b.Acquire(t.Context(), 0); err == nil {
			g.Release()
		}
	})
	r.expect("after 110 s and grants of nothing", "stuck transforms")
	cancel()
	held.Release()
}

// Short timeouts leave slow readers the time to be cut off.
func TestPatienceOfTheStuckWatch(t *testing.T) {
	for longest, want := range map[time.Duration]time.Duration{
		time.Second: time.Minute, 50 * time.Second: 100 * time.Second, 5 * time.Minute: 10 * time.Minute,
	} {
		w := StuckWatch{longestWork: func() time.Duration { return longest }}
		if got := w.patience(); got != want {
			t.Errorf("%v: %v, want %v", longest, got, want)
		}
	}
}
