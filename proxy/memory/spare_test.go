package memory

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// A job in the background is admitted beside others or not at all: it does not wait, nor
// make others wait for it.
func TestJobsInTheBackground(t *testing.T) {
	r := newGovernorRig(t, nil)
	admit := func(need int64) error {
		ctx, wait := budget.InBackground(t.Context()), budget.NewQueueWait(time.Minute)
		job, err := r.Admit(ctx, wait, new(testSource), need)
		if err == nil {
			job.Release()
		}
		return err
	}
	transforms := r.Budgets.Transforms.Stats().Capacity
	for _, tc := range []struct {
		beside, need int64
		want         error
	}{
		{0, smallJob, nil}, {0, transforms, nil}, {0, transforms + 1, ErrOnlyExclusive},
		{transforms / 2, smallJob, budget.ErrYielded},
	} {
		beside, err := r.Budgets.Transforms.TryAcquire(tc.beside)
		if err != nil {
			t.Fatal(err)
		}
		if err := admit(tc.need); !errors.Is(err, tc.want) {
			t.Errorf("%d beside %d: %v, want %v", tc.need, tc.beside, err, tc.want)
		}
		beside.Release()
	}
	if err := r.runs(largeJob); err != nil {
		t.Errorf("for a client: %v", err)
	}
	worker, err := r.Budgets.Workers.TryAcquire(1)
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Release()
	if err := admit(smallJob); !errors.Is(err, budget.ErrYielded) {
		t.Errorf("beside one of two workers: %v", err)
	}
}

func TestWhetherAnythingCanBeSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newGovernorRig(t, func(c *Config) { c.Plan.Workers = 4 })
		if !r.CanSpare() || r.BackgroundJobs() != 2 {
			t.Errorf("at rest: %v, %d jobs", r.CanSpare(), r.BackgroundJobs())
		}
		for name, b := range map[string]*budget.Budget{
			"fetches": r.Budgets.Fetches, "workers": r.Budgets.Workers, "sources": r.Budgets.Sources,
			"transforms": r.Budgets.Transforms, "exclusive": r.Budgets.Exclusive, "responses": r.Budgets.Responses,
			"small responses": r.Budgets.SmallResponses,
		} {
			all, err := b.TryAcquire(b.Stats().Capacity)
			if err != nil {
				t.Fatal(err)
			}
			waits := make(chan struct{})
			go func() {
				defer close(waits)
				if g, err := b.Acquire(t.Context(), 1); err == nil {
					g.Release()
				}
			}()
			synctest.Wait()
			if r.CanSpare() {
				t.Errorf("%s: a request waits", name)
			}
			all.Release()
			<-waits
			if !r.CanSpare() {
				t.Errorf("%s: no request waits any more", name)
			}
		}
		r.inForce.level = 0.5
		if r.CanSpare() {
			t.Error("memory is short")
		}
	})
}
