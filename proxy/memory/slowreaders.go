package memory

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

const (
	// slowRate is what a client reads at least that is not slow, in bytes a second.
	slowRate = 64 << 10
	// headStart is for how long no client counts as slow, turn for how long one may
	// read at any rate while others wait for room.
	minReadTime, maxReadTime = time.Second, 10 * time.Second
	// relieveEvery is how often a reader is cut off while others wait.
	cutInterval = 50 * time.Millisecond
)

// Why readers are cut off.
const (
	// cutRoom: a request waited for room in memory.
	cutForRoom = iota
	// cutEvicted: the RAM cache let go of what it read, and there was no room.
	cutEvicted
	// cutPlace: a new client needed the connection.
	cutForConnection
	// cutLate: it did not read a piece in time.
	cutTimeout
	numCutReasons
)

var cutReasonNames = [numCutReasons]string{"room", "evicted", "connection", "slow"}

// CutSlowReaders cuts off slow readers every now and then for as long as a caller waits.
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

// DrainOverflow is CutSlowReaders for a job that waits for the share of transforms to empty.
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

// relieve cuts off the slowest readers of a share that requests wait for, one entry
// at a time.
func (rs *Responses) cutForWaiting() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := time.Now()
	if now.Sub(rs.lastCut) < cutInterval/2 {
		return // others wait, too
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

// cutSlowest cuts off the readers of the entry that is read most slowly of those
// that may go. The lock is held.
func (rs *Responses) cutSlowestResult(now time.Time, may func(*inFlightResult) bool) {
	var slowest *inFlightResult
	for _, res := range rs.inFlight {
		if !res.beingCut && may(res) && (slowest == nil || res.readRate(now) < slowest.readRate(now)) {
			slowest = res
		}
	}
	if slowest != nil {
		rs.lastCut = now
		rs.cutReaders(slowest, cutForRoom)
	}
}

// cut cuts off all readers of an entry. Their connections are closed by others:
// what is told of that may want locks that are held here.
func (rs *Responses) cutReaders(res *inFlightResult, reason int) {
	res.beingCut = true
	for t := range res.readers {
		if abort, ok := t.markCut(); ok {
			rs.cuts[reason].Add(1)
			go abort()
		}
	}
}

// shrink cuts off the slowest readers, however fast they are, of a share that is
// more in use than it may be. The lock is held.
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
				over -= res.budgetBytes()
			default:
				candidates = append(candidates, res)
			}
		}
		slices.SortFunc(candidates, func(a, b *inFlightResult) int {
			switch first, second := a.hasNewReader(now), b.hasNewReader(now); {
			case first == second:
				return cmp.Compare(a.readRate(now), b.readRate(now))
			case second:
				return -1
			}
			return 1 // how fast it is read is not known yet
		})
		for _, res := range candidates {
			if over <= 0 {
				break
			}
			over -= res.budgetBytes()
			rs.cutReaders(res, cutEvicted)
		}
	}
}

// inShare is what an entry has of the sending share, beyond what of transforms'.
func (res *inFlightResult) budgetBytes() int64 { return res.grants[1].Bytes() }

func (res *inFlightResult) overflowBytes() int64 {
	if res.countedBy != countedInBudget {
		return 0
	}
	return res.grants[0].Bytes()
}

// slow says whether others need not wait for an entry to be read.
func (res *inFlightResult) isSlow(now time.Time) bool {
	age := now.Sub(res.since)
	return age >= maxReadTime || age >= minReadTime && !res.hasNewReader(now) && res.readRate(now) <= slowRate
}

// begins says whether a client has its head start.
func (res *inFlightResult) hasNewReader(now time.Time) bool {
	for t := range res.readers {
		if now.Sub(t.admittedAt) < minReadTime {
			return true
		}
	}
	return false
}

// rate is that of the fastest client, in bytes a second.
func (res *inFlightResult) readRate(now time.Time) (most float64) {
	for t := range res.readers {
		most = max(most, t.readRate(now))
	}
	return most
}

// CutSlowest cuts off the slowest client of all, if one is slow, and reports whether
// one is: its connection is closed then.
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

// Cuts is how many readers were cut off, by why they were.
func (rs *Responses) Cuts() map[string]uint64 {
	cuts := map[string]uint64{}
	for reason, name := range cutReasonNames {
		cuts[name] = rs.cuts[reason].Load()
	}
	return cuts
}

// ResponseStats is what is on its way to clients.
type ResponseStats struct {
	// Results are counted, and Requests have not begun to read.
	Results, Requests int
	// Clients have been let in; to Reading of them something is being sent, and Slow
	// of them read slowly.
	Clients, Reading, Slow int
	// Sent is what those clients have been sent, in bytes.
	Sent int64
}

// Stats says what is on its way.
func (rs *Responses) Stats() ResponseStats {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	st, now := ResponseStats{Results: len(rs.inFlight), Clients: len(rs.transfers)}, time.Now()
	for _, newest := range rs.requestGroups {
		for group := newest; group != nil; group = group.older {
			st.Requests += group.count
		}
	}
	for t := range rs.transfers {
		st.Sent += t.sentBytes.Load()
		if t.isStarted() {
			st.Reading++
		}
		if t.isSlow(now) {
			st.Slow++
		}
	}
	return st
}
