package memory

import (
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/memstat"
)

// Estimates keep what is dealt out below what is there. Where memory runs short
// all the same, because estimates were wrong or other programs live in the same
// cgroup, the level of the cache and of the transforms is halved until it does not
// (multiplicative decrease), and raised slowly.
const (
	// high and low are parts of the limit. Between them the level stays as it is
	// (hysteresis), so that what was given back is not taken at once again.
	high, low = 0.85, 0.75
	// minLevel is the least level: something is always served.
	minLevel = 1.0 / 8
	// The level falls by tighten at once, and grows by loosen once memory was below
	// low for calmFor, no more often than loosenEvery.
	tighten, loosen = 0.5, 1.5
	calmFor         = 2 * time.Second
	loosenEvery     = time.Second

	// externalStep is the least change of what other programs take that counts.
	externalStep = 4 << 20
)

// Pressure is how short memory is.
type Pressure struct {
	// Level is the part of the cache and of the share of transforms that is
	// in force; 1 is all of it.
	Level float64 `json:"level"`
	// Real is memory that cannot be taken back (anonymous, shared, and of sockets),
	// of the cgroup where the limit is the cgroup's, else of pictor's processes.
	Real int64 `json:"real_bytes"`
	// Others is what of it other programs in the cgroup take.
	Others int64 `json:"others_bytes"`
	// High is where the level is lowered, Low where it may be raised.
	High int64 `json:"high_bytes"`
	Low  int64 `json:"low_bytes"`
	// Tightened counts how often.
	Tightened uint64 `json:"tightened"`
}

// pressure is a controller of the level, which falls multiplicatively and has
// hysteresis. Its zero value is at level 1.
type pressure struct {
	mu        sync.Mutex
	current   Pressure
	lastAbove time.Time // when real was last not below low
	changedAt time.Time
}

// sample takes real bytes under a limit, and says which level is right and
// whether memory is short now.
func (p *pressure) sample(real, others, limit int64, now time.Time) (level float64, short bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.current
	if s.Level == 0 {
		s.Level = 1
		p.lastAbove, p.changedAt = now, now
	}
	s.Real, s.Others = real, others
	s.High, s.Low = int64(float64(limit)*high), int64(float64(limit)*low)
	if real >= s.Low {
		p.lastAbove = now
	}
	switch {
	case limit <= 0:
	case real > s.High:
		if s.Level > minLevel {
			s.Level, p.changedAt = max(s.Level*tighten, minLevel), now
			s.Tightened++
		}
		return s.Level, true
	case s.Level < 1 && now.Sub(p.lastAbove) >= calmFor && now.Sub(p.changedAt) >= loosenEvery:
		s.Level, p.changedAt = min(s.Level*loosen, 1), now
	}
	return s.Level, false
}

func (p *pressure) state() Pressure {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.current
	if s.Level == 0 {
		s.Level = 1
	}
	return s
}

// adjustToPressure takes a sample and puts the level it calls for in force.
func (g *Governor) adjustToPressure(now time.Time) {
	real, others, err := g.measure()
	if err != nil {
		return // the kernel gives no figures here: the plan alone has to do
	}
	limit := g.currentPlan().Limit
	level, short := g.pressure.sample(real, others, limit, now)
	// Half of the slack is for other programs: most containers have a small helper.
	others = max(others-limit/20, 0)
	g.inForce.mu.Lock()
	before := g.inForce.level
	// Smaller changes are noise of the figures.
	if d := others - g.inForce.external; d > externalStep || d < -externalStep || others == 0 {
		g.inForce.external = others
	}
	if level != before || g.inForce.external != g.inForce.externalApplied {
		g.inForce.level, g.inForce.externalApplied = level, g.inForce.external
		g.applyLimits()
	}
	g.inForce.mu.Unlock()
	if level < before {
		g.log.Warn("memory is short: reducing the cache and transform budgets",
			"level", level, "in_use", formatMebibytes(real))
	}
	if level == 1 && before < 1 {
		g.log.Info("memory is no longer short: cache and transform budgets restored",
			"in_use", formatMebibytes(real))
	}
	if short && now.Sub(g.lastReclaim) >= time.Second {
		g.lastReclaim = now
		if g.cfg.Workers != nil {
			g.cfg.Workers.ReleaseIdle()
		}
		debug.FreeOSMemory()
	}
}

// sampleMemory gives what the kernel cannot take back, and what of it is not
// pictor's.
func (g *Governor) sampleMemory() (real, others int64, err error) {
	own, err := memstat.ReadProcess(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	anon := own.Anon
	for _, w := range g.listWorkers() {
		if p, err := memstat.ReadProcess(w.PID); err == nil {
			anon += p.Anon
		}
	}
	// What is reserved for sources is at least what they take, and to count
	// their files would take longer.
	sources := g.Budgets.Sources.Stats().InUse
	if g.currentPlan().OfCgroup() {
		if f, err := g.group.Read(); err == nil {
			return f.Firm(), max(f.Anon-anon, 0) + max(f.Shmem-sources, 0), nil
		}
	}
	return anon + sources, 0, nil
}
