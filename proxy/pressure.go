package proxy

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/memstat"
)

// Estimates keep what is dealt out below what is there. Where memory runs
// short all the same, because estimates were wrong or others live in the same
// cgroup, all shares are tightened until it does not, and loosened slowly.
const (
	// high and low are parts of the limit. Between them things stay as they
	// are, so that what was given back is not taken at once again.
	high, low = 0.85, 0.75
	// tightest is the least part of the shares: something is always served.
	tightest = 1.0 / 8
	// Tightening halves; loosening takes calm for a while, and is slower.
	tighten, loosen = 0.5, 1.5
	calmFor         = 2 * time.Second
	loosenEvery     = time.Second

	// lookBusy and lookIdle are how often memory is looked at, while there is
	// work and while there is none.
	lookBusy, lookIdle = 100 * time.Millisecond, time.Second
	// quietFor is how long there must be no work before the heap is given back.
	quietFor = 2 * time.Second
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
	// High is where shares are tightened, Low where they may be loosened.
	High int64 `json:"high_bytes"`
	Low  int64 `json:"low_bytes"`
	// Tightened counts how often.
	Tightened uint64 `json:"tightened"`
}

// pressure decides by samples. Its zero value is none, at level 1.
type pressure struct {
	mu        sync.Mutex
	now       Pressure
	lastAbove time.Time // when real was last not below low
	changed   time.Time
}

// sample takes real bytes under a limit, and says which level is right and
// whether memory is short now.
func (p *pressure) sample(real, others, limit int64, now time.Time) (level float64, short bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.now
	if s.Level == 0 {
		s.Level, p.lastAbove, p.changed = 1, now, now
	}
	s.Real, s.Others, s.High, s.Low = real, others, int64(float64(limit)*high), int64(float64(limit)*low)
	if real >= s.Low {
		p.lastAbove = now
	}
	switch {
	case limit <= 0:
	case real > s.High:
		if s.Level > tightest {
			s.Level, p.changed = max(s.Level*tighten, tightest), now
			s.Tightened++
		}
		return s.Level, true
	case s.Level < 1 && now.Sub(p.lastAbove) >= calmFor && now.Sub(p.changed) >= loosenEvery:
		s.Level, p.changed = min(s.Level*loosen, 1), now
	}
	return s.Level, false
}

func (p *pressure) state() Pressure {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.now
	if s.Level == 0 {
		s.Level = 1
	}
	return s
}

// Watch looks at the memory that is really in use until ctx ends: it tightens
// shares where memory runs short, and gives the heap back after work.
func (s *Server) Watch(ctx context.Context) {
	var r rest
	for {
		pause := lookIdle
		if s.busy() || s.pressure.state().Level < 1 {
			pause = lookBusy
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		now := time.Now()
		s.look(now)
		if r.over(now, s.busy(), s.activity.Load()) {
			s.giveBack()
		}
	}
}

// busy: sources or jobs are under way.
func (s *Server) busy() bool {
	return s.accounts.bodies.Stats().InUse > 0 || s.accounts.transforms.Stats().InUse > 0 || s.aloneBytes.Load() > 0
}

// look takes a sample and puts the level it calls for in force.
func (s *Server) look(now time.Time) {
	real, others, err := s.measure()
	if err != nil {
		return // no figures here: the plan alone has to do
	}
	limit := s.sharesNow().Limit
	level, short := s.pressure.sample(real, others, limit, now)
	// Half of the slack is for them: most containers have a small helper.
	others = max(others-limit/20, 0)
	s.shares.mu.Lock()
	before := s.shares.level
	// Small changes are what the figures' own grain makes.
	if grain := int64(4 << 20); others > s.shares.others+grain || others < s.shares.others-grain || others == 0 {
		s.shares.others = others
	} else {
		others = s.shares.others
	}
	if level != before || others != s.shares.settled {
		s.shares.level, s.shares.settled = level, others
		s.settle()
	}
	s.shares.mu.Unlock()
	if level < before {
		s.log.Warn("memory is short: reducing the cache and transform budgets", "level", level, "in_use", mebibytes(real))
	}
	if level == 1 && before < 1 {
		s.log.Info("memory is no longer short: cache and transform budgets restored", "in_use", mebibytes(real))
	}
	if short && now.Sub(s.relieved) >= time.Second {
		s.relieved = now
		if p, ok := s.cfg.Transformer.(pool); ok {
			p.LetGo()
		}
		debug.FreeOSMemory()
	}
}

// realMemory is what the kernel cannot take back, and what of it is not
// pictor's.
func (s *Server) realMemory() (real, others int64, err error) {
	own, err := memstat.ReadProcess(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	anon := own.Anon
	for _, w := range s.workers() {
		if p, err := memstat.ReadProcess(w.PID); err == nil {
			anon += p.Anon
		}
	}
	// What is reserved for sources is at least what they take, and to count
	// their files would take longer.
	sources := s.accounts.bodies.Stats().InUse
	if s.sharesNow().OfCgroup {
		if f, err := s.group.Read(); err == nil {
			return f.Firm(), max(f.Anon-anon, 0) + max(f.Shmem-sources, 0), nil
		}
	}
	return anon + sources, 0, nil
}

// rest finds the moment in which work has ended for a while.
type rest struct {
	activity int64
	since    time.Time
	given    bool
}

// over is true once after each time of activity, which is a count that grows.
func (r *rest) over(now time.Time, busy bool, activity int64) bool {
	if busy || activity != r.activity || r.since.IsZero() {
		*r = rest{activity: activity, since: now, given: r.given && activity == r.activity}
		if busy {
			r.given = false
		}
		return false
	}
	if r.given || now.Sub(r.since) < quietFor {
		return false
	}
	r.given = true
	return true
}

// giveBack returns what the heap does not need. Pools empty in two rounds of
// the collector, and stacks shrink in one.
func (s *Server) giveBack() {
	if s.cfg.Quiet != nil {
		s.cfg.Quiet()
	}
	runtime.GC()
	debug.FreeOSMemory()
}
