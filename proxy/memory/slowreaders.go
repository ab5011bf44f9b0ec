package memory

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// cutInterval is the time between two cuts while requests wait.
const cutInterval = 50 * time.Millisecond

// The reasons for which readers are cut off.
const (
	cutForRoom       = iota // a request waited for room in memory
	cutEvicted              // the RAM cache evicted the result, and the budget had no room
	cutForConnection        // a new client needed the connection
	cutTimeout              // the reader did not take a piece in time
	numCutReasons
)

// cutReasonNames are the labels of the metric.
var cutReasonNames = [numCutReasons]string{"room", "evicted", "connection", "slow"}

// CutSlowReaders cuts off slow readers, one result after the other, until stop is called.
// A caller that waits for a grant calls it: readers of which no request wants anything are
// left alone.
func (rs *Responses) CutSlowReaders() (stop func()) {
	var ended atomic.Bool
	var t *time.Timer
	t = time.AfterFunc(time.Hour, func() {
		if !ended.Load() {
			rs.cutForWaiting()
			t.Reset(cutInterval)
		}
	})
	t.Reset(cutInterval)
	return func() {
		ended.Store(true)
		t.Stop()
	}
}

// DrainOverflow is CutSlowReaders for a job that waits for the transform budget to be
// empty: slow readers of results with overflow there are cut off, too.
func (rs *Responses) DrainOverflow() (stop func()) {
	rs.mu.Lock()
	rs.exclusiveJobs++
	rs.mu.Unlock()
	stopCutting := rs.CutSlowReaders()
	return func() {
		stopCutting()
		rs.mu.Lock()
		defer rs.mu.Unlock()
		rs.exclusiveJobs--
	}
}

// cutForWaiting cuts off the readers of one result in each budget that requests wait for:
// of the one that is read most slowly.
func (rs *Responses) cutForWaiting() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := time.Now()
	if now.Sub(rs.lastCut) < cutInterval/2 {
		return // another request that waits has just done it
	}
	slowIn := func(b *budget.Budget) func(*inFlightResult) bool {
		return func(res *inFlightResult) bool { return res.budget == b && res.isSlow(now) }
	}
	for _, b := range []*budget.Budget{rs.small, rs.large} {
		if b.Stats().Waiting > 0 {
			rs.cutSlowestResult(now, slowIn(b))
		}
	}
	if rs.exclusiveJobs > 0 || rs.transforms.Stats().Waiting > 0 {
		rs.cutSlowestResult(now, func(res *inFlightResult) bool { return res.overflowBytes() > 0 && res.isSlow(now) })
	}
}

// cutSlowestResult cuts off the readers of the result with the lowest rate among those that
// may be cut. The lock is held.
func (rs *Responses) cutSlowestResult(now time.Time, mayCut func(*inFlightResult) bool) {
	var slowest *inFlightResult
	for _, res := range rs.inFlight {
		if !res.beingCut && mayCut(res) && (slowest == nil || res.readRate(now) < slowest.readRate(now)) {
			slowest = res
		}
	}
	if slowest != nil {
		rs.lastCut = now
		rs.cutReaders(slowest, cutForRoom)
	}
}

// cutReaders cuts off all readers of a result. Other goroutines close the connections:
// what Connections calls then may want locks that are held here.
func (rs *Responses) cutReaders(res *inFlightResult, reason int) {
	res.beingCut = true
	for t := range res.readers {
		if abort, ok := t.markCut(); ok {
			rs.cuts[reason].Add(1)
			go abort()
		}
	}
}

// cutOverCapacity cuts off the slowest readers, at any rate, until the budgets of the
// responses are within their capacity again. The lock is held.
func (rs *Responses) cutOverCapacity() {
	for _, b := range []*budget.Budget{rs.small, rs.large} {
		st := b.Stats()
		if st.InUse <= st.Capacity {
			continue
		}
		over, now := st.InUse-st.Capacity, time.Now()
		var candidates []*inFlightResult
		for _, res := range rs.inFlight {
			switch {
			case res.budget != b:
			case res.beingCut:
				over -= res.main.Bytes()
			default:
				candidates = append(candidates, res)
			}
		}
		slices.SortFunc(candidates, func(a, b *inFlightResult) int { return compareSlowness(a, b, now) })
		for _, res := range candidates {
			if over <= 0 {
				break
			}
			over -= res.main.Bytes()
			rs.cutReaders(res, cutEvicted)
		}
	}
}

// compareSlowness sorts the slowest results first. Results with a new reader come last,
// because the rate of that one is not known yet.
func compareSlowness(a, b *inFlightResult, now time.Time) int {
	newA, newB := a.hasNewReader(now), b.hasNewReader(now)
	switch {
	case newA == newB:
		return cmp.Compare(a.readRate(now), b.readRate(now))
	case newB:
		return -1
	}
	return 1
}

// overflowBytes is how much of a result the transform budget counts beside its main budget.
func (res *inFlightResult) overflowBytes() int64 {
	if res.countedBy != countedInBudget {
		return 0
	}
	return res.overflow.Bytes()
}

// isSlow reports whether the readers of a result may be cut off for requests that wait.
func (res *inFlightResult) isSlow(now time.Time) bool {
	age := now.Sub(res.since)
	return age >= maxReadTime || age >= minReadTime && !res.hasNewReader(now) && res.readRate(now) <= slowRate
}

// hasNewReader reports whether the rate of a reader does not count yet.
func (res *inFlightResult) hasNewReader(now time.Time) bool {
	for t := range res.readers {
		if now.Sub(t.admittedAt) < minReadTime {
			return true
		}
	}
	return false
}

// readRate is the rate of the fastest reader, in bytes a second.
func (res *inFlightResult) readRate(now time.Time) (fastest float64) {
	for t := range res.readers {
		fastest = max(fastest, t.readRate(now))
	}
	return fastest
}

// CutSlowest closes the connection of the slowest reader, if one is slow, and reports
// whether there was one.
func (rs *Responses) CutSlowest() bool {
	rs.mu.Lock()
	now := time.Now()
	var slowest *Transfer
	for t := range rs.transfers {
		if t.isSlow(now) && (slowest == nil || t.readRate(now) < slowest.readRate(now)) {
			slowest = t
		}
	}
	rs.mu.Unlock()
	if slowest == nil {
		return false
	}
	abort, ok := slowest.markCut()
	if ok {
		rs.cuts[cutForConnection].Add(1)
		abort()
	}
	return ok
}
