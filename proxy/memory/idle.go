package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// lookBusy and lookIdle are how often memory is looked at, while there is
	// work and while there is none.
	lookBusy, lookIdle = 100 * time.Millisecond, time.Second
	// quietFor is how long there must be no work before the heap is given back.
	quietFor = 2 * time.Second
)

// Watch looks at the memory that is really in use until ctx ends: it tightens
// budgets where memory runs short, and gives the heap back after work.
func (g *Governor) Watch(ctx context.Context) {
	var idle idleDetector
	for {
		pause := lookIdle
		if g.busy() || g.pressure.state().Level < 1 {
			pause = lookBusy
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		now := time.Now()
		g.adjustToPressure(now)
		if idle.fired(now, g.busy(), g.activity.Load()) {
			g.releaseHeap()
		}
	}
}

// busy: sources or jobs are under way.
func (g *Governor) busy() bool {
	return g.Budgets.Sources.Stats().InUse > 0 || g.Budgets.Transforms.Stats().InUse > 0 || g.exclusiveBytes.Load() > 0
}

// idleDetector finds the moment in which work has ended for a while.
type idleDetector struct {
	activity int64
	since    time.Time
	given    bool
}

// fired is true once after each time of activity, which is a count that grows.
func (d *idleDetector) fired(now time.Time, busy bool, activity int64) bool {
	if busy || activity != d.activity || d.since.IsZero() {
		*d = idleDetector{activity: activity, since: now, given: d.given && activity == d.activity}
		if busy {
			d.given = false
		}
		return false
	}
	if d.given || now.Sub(d.since) < quietFor {
		return false
	}
	d.given = true
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
