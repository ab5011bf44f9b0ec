package memory

import (
	"errors"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

func TestPressureTightensAtOnceAndLoosensSlowly(t *testing.T) {
	var p pressure
	now := time.Unix(1e9, 0)
	at := func(after time.Duration, real int64, want float64, wantShort bool) {
		t.Helper()
		now = now.Add(after)
		if level, short := p.sample(real, 0, 1000, now); level != want || short != wantShort {
			t.Errorf("%d of 1000: level %v, short %v; want %v, %v", real, level, short, want, wantShort)
		}
	}
	const look = 250 * time.Millisecond
	at(0, 850, 1, false)
	at(look, 851, 0.5, true)
	at(look, 900, 0.25, true)
	at(look, 900, 0.125, true)
	at(look, 900, 0.125, true)  // something is always served
	at(look, 800, 0.125, false) // between the marks nothing changes
	at(10*time.Second, 760, 0.125, false)
	at(look, 749, 0.125, false)
	at(1700*time.Millisecond, 700, 0.125, false)
	at(2*look, 700, 0.1875, false)
	at(look, 700, 0.1875, false) // a second between steps
	at(time.Second, 700, 0.28125, false)
	at(look, 755, 0.28125, false) // the calm begins anew
	at(1500*time.Millisecond, 700, 0.28125, false)
	for range 4 {
		now = now.Add(3 * time.Second)
		p.sample(700, 0, 1000, now)
	}
	at(0, 0, 1, false)
	if s := p.state(); s.Level != 1 || s.Tightened != 3 || s.High != 850 || s.Low != 750 {
		t.Errorf("%+v", s)
	}
	var none pressure
	if s := none.state(); s.Level != 1 {
		t.Errorf("before the first sample: %+v", s)
	}
	if level, short := none.sample(1<<40, 0, 0, now); level != 1 || short {
		t.Errorf("without a limit: %v, %v", level, short)
	}
}

// pressed is a Governor whose memory the test makes up, of a limit of 1000 MiB.
type pressed struct {
	*governorRig
	real, others int64
	now          time.Time
	transforms   int64 // what they may have without pressure
}

func newPressed(t *testing.T) *pressed {
	t.Helper()
	p := &pressed{governorRig: newGovernorRig(t, nil), now: time.Now()}
	plan := p.currentPlan()
	plan.Limit = 1000 << 20
	if err := p.Resize(plan); err != nil {
		t.Fatal(err)
	}
	p.measure = func() (int64, int64, error) { return p.real, p.others, nil }
	p.transforms = p.Budgets.Transforms.Stats().Capacity
	return p
}

// sampleAt lets the Governor sample a second later: at real MiB in use, others of them
// by others.
func (p *pressed) sampleAt(real, others int64) {
	p.real, p.others, p.now = real<<20, others<<20, p.now.Add(time.Second)
	p.adjustToPressure(p.now)
}

// hasInForce checks what the cache, in MiB, and the transforms, of eight parts,
// may have.
func (p *pressed) hasInForce(when string, cache, eighths int64) {
	p.t.Helper()
	if n := p.cache.Stats().MaxBytes >> 20; n != cache {
		p.t.Errorf("%s the cache may have %d MiB", when, n)
	}
	if n := p.Budgets.Transforms.Stats().Capacity; n != p.transforms*eighths/8 {
		p.t.Errorf("%s transforms may have %d of %d", when, n, p.transforms)
	}
}

func (p *pressed) admits(need int64, want error) {
	p.t.Helper()
	if err := p.runs(need); !errors.Is(err, want) {
		p.t.Errorf("a job of %d: %v", need, err)
	}
}

// Under pressure the cache is smaller at once, large jobs are told to come
// back, small ones are served; and all of it comes back.
func TestPressureReachesTheCacheAndTheTransforms(t *testing.T) {
	p := newPressed(t)
	p.fillCache(7 << 20)
	p.sampleAt(100, 0)
	if s := p.cache.Stats(); s.Bytes < 7<<20 {
		t.Errorf("without pressure: %+v", s)
	}
	for range 3 {
		p.sampleAt(900, 0)
	}
	p.hasInForce("under pressure", 1, 1)
	if s := p.cache.Stats(); s.Bytes > 1<<20 {
		t.Errorf("under pressure the cache has %+v", s)
	}
	p.admits(largeJob, budget.ErrSaturated)
	p.admits(smallJob, nil)
	for range 30 {
		p.sampleAt(100, 0)
	}
	p.hasInForce("afterwards", 8, 8)
	p.admits(largeJob, nil)
	p.measure = func() (int64, int64, error) { return 1 << 40, 0, errors.New("no figures") }
	p.adjustToPressure(p.now)
	p.hasInForce("without figures", 8, 8)
	if s := p.pressure.state(); s.Level != 1 || s.Tightened != 3 {
		t.Errorf("%+v", s)
	}
}

// What others in the cgroup take comes out of the cache, down to an eighth,
// and then out of the transforms. Half of the slack, 50 MiB here, is theirs.
func TestOtherProgramsTakeFromThePlan(t *testing.T) {
	p := newPressed(t)
	p.sampleAt(100, 50)
	p.hasInForce("beside as much as there is room for", 8, 8)
	p.sampleAt(100, 50+5)
	p.hasInForce("beside 5 MiB more", 4, 8)
	p.sampleAt(100, 50+6) // not worth the while
	p.hasInForce("beside 6 MiB more", 4, 8)
	p.sampleAt(100, 800)
	p.hasInForce("beside very much", 1, 1)
	p.admits(largeJob, budget.ErrSaturated)
	p.sampleAt(100, 50)
	p.hasInForce("afterwards", 8, 8)
	p.admits(largeJob, nil)
}
