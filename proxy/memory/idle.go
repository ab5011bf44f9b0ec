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
	// heapRest is how long there must be no work before the heap is released, and
	// pagesRest before pages of programs are dropped. Requests that come every few
	// seconds would else pay for a collection each, and for the way of those pages back.
	heapRest, pagesRest = 5 * time.Second, 10 * time.Second
)

// Watch samples the memory that is really in use until ctx ends: it lowers the level
// of the cache and of transforms where memory runs short, and releases the heap after
// work.
func (g *Governor) Watch(ctx context.Context) {
	heapIdle, pagesIdle := idleDetector{after: heapRest}, idleDetector{after: pagesRest}
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
		g.CheckStuck(now)
		busy, activity := g.hasWork(), g.activity.Load()
		if heapIdle.fired(now, busy, activity) {
			releaseHeap()
		}
		if pagesIdle.fired(now, busy, activity) && g.cfg.OnIdle != nil {
			g.cfg.OnIdle()
		}
	}
}

// hasWork says whether sources or jobs are under way.
func (g *Governor) hasWork() bool {
	return g.Budgets.Sources.Stats().InUse > 0 || g.Budgets.Transforms.Stats().InUse > 0 || g.exclusive.bytes.Load() > 0
}

// idleDetector finds the moment in which work has ended for a while.
type idleDetector struct {
	after     time.Duration
	activity  int64
	idleSince time.Time
	firedOnce bool // since the last work
}

// fired is true once after each time of work. activity is a count that grows with it.
func (d *idleDetector) fired(now time.Time, busy bool, activity int64) bool {
	if busy || activity != d.activity || d.idleSince.IsZero() {
		*d = idleDetector{
			after: d.after, activity: activity, idleSince: now, firedOnce: d.firedOnce && activity == d.activity,
		}
		if busy {
			d.firedOnce = false
		}
		return false
	}
	if d.firedOnce || now.Sub(d.idleSince) < d.after {
		return false
	}
	d.firedOnce = true
	return true
}

// releaseHeap returns what the heap does not need. Pools empty in two rounds of
// the collector, and stacks shrink in one.
func releaseHeap() {
	runtime.GC()
	debug.FreeOSMemory()
}

// CheckStuck samples the budgets for Stuck, which Watch has it do, and logs what has changed.
func (g *Governor) CheckStuck(now time.Time) {
	waiting := 0
	if g.cfg.FetchesWaiting != nil {
		waiting = g.cfg.FetchesWaiting()
	}
	stuck, moving := g.Stuck.sample(now, &g.Budgets, waiting)
	for _, name := range stuck {
		g.log.Error("budget is stuck: the server is not ready until some of it is given back",
			"budget", name, "nothing_returned_for", g.Stuck.patience())
	}
	for _, name := range moving {
		g.log.Info("budget moves again", "budget", name)
	}
}
