package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// sampleBusy and sampleIdle are how often memory is sampled, while there is work
	// and while there is none.
	sampleBusy, sampleIdle = 100 * time.Millisecond, time.Second
	// idleAfter is how long there must be no work before the heap is released.
	idleAfter = 2 * time.Second
)

// Watch samples the memory that is really in use until ctx ends: it lowers the level
// of the cache and of transforms where memory runs short, and releases the heap after
// work.
func (g *Governor) Watch(ctx context.Context) {
	var idle idleDetector
	for {
		pause := sampleIdle
		if g.hasWork() || g.pressure.state().Level < 1 {
			pause = sampleBusy
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		now := time.Now()
		g.adjustToPressure(now)
		if idle.fired(now, g.hasWork(), g.activity.Load()) {
			g.releaseHeap()
		}
	}
}

// hasWork says whether sources or jobs are under way.
func (g *Governor) hasWork() bool {
	return g.Budgets.Sources.Stats().InUse > 0 || g.Budgets.Transforms.Stats().InUse > 0 || g.exclusiveBytes.Load() > 0
}

// idleDetector finds the moment in which work has ended for a while.
type idleDetector struct {
	activity  int64
	idleSince time.Time
	firedOnce bool // since the last work
}

// fired is true once after each time of work. activity is a count that grows with it.
func (d *idleDetector) fired(now time.Time, busy bool, activity int64) bool {
	if busy || activity != d.activity || d.idleSince.IsZero() {
		*d = idleDetector{activity: activity, idleSince: now, firedOnce: d.firedOnce && activity == d.activity}
		if busy {
			d.firedOnce = false
		}
		return false
	}
	if d.firedOnce || now.Sub(d.idleSince) < idleAfter {
		return false
	}
	d.firedOnce = true
	return true
}

// releaseHeap returns what the heap does not need. Pools empty in two rounds of
// the collector, and stacks shrink in one.
func (g *Governor) releaseHeap() {
	if g.cfg.OnIdle != nil {
		g.cfg.OnIdle()
	}
	runtime.GC()
	debug.FreeOSMemory()
}
