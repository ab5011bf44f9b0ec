package memory

import (
	"errors"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// An admission grows as far as there is room, but for an exclusive one.
func TestAdmissionsGrow(t *testing.T) {
	r := newGovernorRig(t, nil)
	wait := budget.NewQueueWait(time.Minute)
	shared, err := r.Admit(t.Context(), wait, new(testSource), smallJob)
	if err != nil {
		t.Fatal(err)
	}
	err = shared.TryGrow(testTransforms - smallJob)
	if s := r.Budgets.Transforms.Stats(); err != nil || s.InUse != testTransforms {
		t.Errorf("%v, %+v", err, s)
	}
	if err := shared.TryGrow(1); !errors.Is(err, budget.ErrTooLarge) {
		t.Errorf("more than there is: %v", err)
	}
	if s := r.Budgets.Transforms.Stats(); s.Shed != 0 || s.TooLarge != 0 {
		t.Errorf("what was tried in vain counts as refused: %+v", s)
	}
	shared.Release()
	exclusive, err := r.Admit(t.Context(), wait, new(testSource), largeJob)
	if err != nil {
		t.Fatal(err)
	}
	if err := exclusive.TryGrow(1); !errors.Is(err, budget.ErrSaturated) {
		t.Errorf("an exclusive one: %v", err)
	}
	exclusive.Release()
}
