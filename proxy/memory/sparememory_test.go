package memory

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/transform"
)

// toldWorkers remember what they were told.
type toldWorkers struct{ spare int64 }

func (w *toldWorkers) Workers() []transform.Worker { return nil }
func (w *toldWorkers) ReleaseIdle()                {}
func (w *toldWorkers) SetSpare(bytes int64)        { w.spare = bytes }
func (w *toldWorkers) Sandbox() []transform.Layer  { return nil }

// newSpareRig has the plan of a limit.
func newSpareRig(t *testing.T, in PlanInput) (*governorRig, *toldWorkers) {
	t.Helper()
	plan, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	w := &toldWorkers{}
	return newGovernorRig(t, func(c *Config) { c.Plan, c.Workers = plan, w }), w
}

func TestSpareMemoryOfUsualLimits(t *testing.T) {
	for _, c := range []struct {
		limit             int64
		procs, clients    int
		spare, transforms string
	}{
		{117 * mib, 2, 1, "7MiB", "32.1MiB"},
		{128 * mib, 2, 0, "8MiB", "34.5MiB"},
		{128 * mib, 2, 64, "6MiB", "34.5MiB"},
		{256 * mib, 2, 64, "8MiB", "67.6MiB"},
		{256 * mib, 2, 1000, "0MiB", "53.6MiB"},
		{512 * mib, 2, 64, "16MiB", "196.1MiB"},
		{4096 * mib, 2, 64, "40MiB", "2179.1MiB"},
		{4096 * mib, 64, 64, "5.6MiB", "1387.1MiB"},
	} {
		r, w := newSpareRig(t, PlanInput{Limit: c.limit, MaxProcs: c.procs})
		r.Connections.addOpen(c.clients)
		if got := formatBytes(w.spare); got != c.spare {
			t.Errorf("%d MiB, %d clients: %s spare, want %s", c.limit/mib, c.clients, got, c.spare)
		}
		if got := formatBytes(r.Budgets.Transforms.Stats().Capacity); got != c.transforms {
			t.Errorf("%d MiB, %d clients: transforms %s, want %s", c.limit/mib, c.clients, got, c.transforms)
		}
		r.Connections.addOpen(-c.clients)
	}
}

// Whatever the limit, and however many clients there are: transforms have their part in full,
// and no byte is counted twice.
func TestSpareMemoryIsWhatAbsentClientsLeave(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan, err := NewPlan(planInput(rt))
		if err != nil {
			return
		}
		w := &toldWorkers{}
		r := newGovernorRig(t, func(c *Config) { c.Plan, c.Workers = plan, w })
		clients := rapid.IntRange(0, plan.Clients).Draw(rt, "clients")
		r.Connections.addOpen(clients)
		transforms, spare := r.Budgets.Transforms.Stats().Capacity, w.spare*int64(plan.Workers)
		present := int64(clients) * plan.perClient()
		if transforms < plan.Transforms || transforms+spare+present > plan.Transforms+plan.Connections {
			rt.Fatalf("%d clients, %d spare and %d for transforms: %s", clients, spare, transforms, plan)
		}
		if w.spare < 0 || w.spare > maxSpare || spare > plan.Limit/spareShare {
			rt.Fatalf("%d workers have %d spare: %s", plan.Workers, spare, plan)
		}
	})
}

func TestSpareMemoryGoesWhereItIsNeeded(t *testing.T) {
	r, w := newSpareRig(t, PlanInput{Limit: 256 * mib, MaxProcs: 2})
	if w.spare != 8*mib {
		t.Fatalf("%d spare", w.spare)
	}
	plan := r.currentPlan()
	admission, err := r.Admit(context.Background(), budget.NewQueueWait(time.Minute), new(testSource),
		plan.Exclusive-plan.Cache)
	if err != nil {
		t.Fatal(err)
	}
	if w.spare != 0 {
		t.Errorf("%d spare beside a job that runs exclusively", w.spare)
	}
	admission.Release()
	if w.spare != 8*mib {
		t.Errorf("%d spare after it", w.spare)
	}
	r.measure = func() (int64, int64, error) { return plan.Limit, 0, nil }
	r.adjustToPressure(time.Now())
	if w.spare != 0 || r.spareInForce() != 0 {
		t.Errorf("%d spare while memory is short", w.spare)
	}
	r.measure = func() (int64, int64, error) { return 0, 0, nil }
	for i := range 10 {
		r.adjustToPressure(time.Now().Add(calmFor + time.Duration(i)*loosenEvery))
	}
	if w.spare != 8*mib {
		t.Errorf("%d spare when memory is no longer short", w.spare)
	}
}
