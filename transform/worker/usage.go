package worker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// usage is what workers took, for figures.
type usage struct {
	mu sync.Mutex
	// ended is the CPU time of workers that have ended, and told the most that was ever told: a worker that ends is
	// for a moment in neither.
	ended, told time.Duration
	report      atomic.Pointer[func(transform.JobMemory)]
}

func (u *usage) addEnded(cpu time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended += cpu
}

// total is the CPU time of workers that live and of those that have ended. It never falls.
func (u *usage) total(live map[*process]struct{}) time.Duration {
	var sum time.Duration
	for w := range live {
		sum += cpuOf(w.cmd.Process.Pid)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.told = max(u.told, u.ended+sum)
	return u.told
}

// Watch has a function called after each job whose memory was seen, by the goroutine that asked for the job. There is
// one at most.
func (p *Pool) Watch(report func(transform.JobMemory)) { p.usage.report.Store(&report) }

// reportMemory reports what a job took. Jobs that ended before anybody looked are left out.
func (p *Pool) reportMemory(w *process, estimated int64) {
	report, peak := p.usage.report.Load(), w.shown.peak.Load()
	if report == nil || peak == 0 || estimated <= 0 {
		return
	}
	(*report)(transform.JobMemory{
		Reserved: estimated + w.spareDuring(estimated), Peak: max(peak-w.base.anon, 0),
	})
}
