package memory

import (
	"context"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// SmallResult is the largest result that the budget of small results pays for. The send
// buffer of the kernel takes it whole, so a slow client does not keep it in memory.
const SmallResult = sendBufferSize

// inFlightResult is the body of an entry that readers have, or are about to have. Entries
// that were renewed share a body, and so an inFlightResult.
type inFlightResult struct {
	entry *cache.Entry
	size  int64

	// countedBy says which budget the bytes are counted in, since when; main and
	// overflow are the grants. budget is the one of main where readers can be cut off
	// to empty it, else nil.
	countedBy      accounting
	since          time.Time
	main, overflow *budget.Grant
	budget         *budget.Budget

	// readers are the clients that are being sent the body; wasRead is true from the
	// first one on, also when all have gone.
	readers map[*Transfer]struct{}
	wasRead bool
	// fillRunning is true until the cache is done with the result of the fill.
	fillRunning bool
	// awaitedBy are the requests that a result without readers stays counted for.
	awaitedBy *requestGroup
	// roomFound is closed when the reader that waits for room has it or gives up; nil
	// while none waits. cancelWait ends that wait.
	roomFound  chan struct{}
	cancelWait context.CancelCauseFunc
	// beingCut is true while all readers are being cut off.
	beingCut bool
}

// accounting says how the bytes of a result are counted.
//
//	state            main grant              overflow grant     comes from
//	uncounted        none                    none               a new result, and one without readers
//	countedInFill    transforms (the fill's) none               uncounted, by AddFilled
//	countedInCache   none: the cache counts  none               every state, when the RAM cache takes the bytes
//	countedInBudget  small or large results  transforms: what   countedInFill and uncounted, when there is room;
//	                                         main leaves        countedInCache at once, when the RAM cache evicts;
//	                                                            countedInFill and uncounted at once, by admitBlocked
//
// A result leaves every state for uncounted, and is forgotten, when it has no readers,
// its fill is done, and no request waits for it.
//
// A hit whose client takes all of it at once (hitresponse.go) is in no state: nothing waits
// for that client.
type accounting uint8

const (
	uncounted accounting = iota
	countedInFill
	countedInCache
	countedInBudget
)

// countBy releases the grants of a result and counts it by others.
func (res *inFlightResult) countBy(by accounting, main, overflow *budget.Grant) {
	for _, g := range []*budget.Grant{res.main, res.overflow} {
		if g != nil {
			g.Release()
		}
	}
	res.countedBy, res.since = by, time.Now()
	res.main, res.overflow = main, overflow
	res.budget = nil
}

// countInBudget counts a result in a budget of the responses, where it has n bytes by
// main. The transform budget counts the rest, whether it has room or not.
func (rs *Responses) countInBudget(res *inFlightResult, b *budget.Budget, n int64, main *budget.Grant) {
	res.countBy(countedInBudget, main, rs.transforms.Charge(res.size-n))
	res.budget = b
}

// budgetFor returns the budget for results of a size, and how many bytes one gets there.
func (rs *Responses) budgetFor(size int64) (b *budget.Budget, n int64) {
	if size <= SmallResult {
		return rs.small, min(size, rs.small.Stats().Capacity)
	}
	return rs.large, min(size, max(rs.large.Stats().Capacity/2, 1))
}

// resultOf returns the in-flight result of an entry, and adds it if there is none. The
// lock is held.
func (rs *Responses) resultOf(e *cache.Entry) *inFlightResult {
	res := rs.inFlight[&e.Body[0]]
	if res == nil {
		res = &inFlightResult{entry: e, size: int64(cap(e.Body)), readers: map[*Transfer]struct{}{}}
		rs.inFlight[&e.Body[0]] = res
	}
	return res
}

// recount puts a result in the state that it belongs to now, and forgets it if no reader,
// fill or request needs it. The lock is held.
func (rs *Responses) recount(res *inFlightResult) {
	switch {
	case res.entry.Held():
		if res.countedBy != countedInCache {
			res.countBy(countedInCache, nil, nil)
		}
		if res.cancelWait != nil {
			res.cancelWait(errInCache)
		}
	case res.countedBy == countedInCache && len(res.readers) > 0:
		b, n := rs.budgetFor(res.size)
		rs.countInBudget(res, b, n, b.Charge(n))
	case res.countedBy == countedInCache:
		res.countBy(uncounted, nil, nil)
	}
	if len(res.readers) > 0 || res.fillRunning {
		return
	}
	delivered := res.entry.NoStore && res.wasRead // made for one client, which has had it
	group := rs.requestGroups[res.entry.Key]
	if group == nil || res.countedBy == uncounted || delivered {
		rs.stopCounting(res)
	} else if res.awaitedBy != group {
		res.awaitedBy = group
		group.results = append(group.results, res)
	}
}

// stopCounting releases the grants of a result and forgets it. The lock is held.
func (rs *Responses) stopCounting(res *inFlightResult) {
	res.countBy(uncounted, nil, nil)
	res.awaitedBy = nil
	delete(rs.inFlight, &res.entry.Body[0])
}

// AddFilled counts a result that a fill has made by the grant that the fill had for it.
// It takes over the grant.
func (rs *Responses) AddFilled(e *cache.Entry, g *budget.Grant) {
	if len(e.Body) == 0 {
		g.Release()
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	res := rs.resultOf(e)
	res.countedBy, res.main = countedInFill, g
	res.fillRunning = true
}

// Moved implements cache.Watcher: the RAM cache has taken or evicted the bytes of an entry.
func (rs *Responses) Moved(e *cache.Entry) {
	rs.updateResult(e, func(*inFlightResult) {})
}

// Landed implements cache.Watcher: the cache is done with the result of a fill.
func (rs *Responses) Landed(e *cache.Entry) {
	rs.updateResult(e, func(res *inFlightResult) { res.fillRunning = false })
}

// updateResult changes the in-flight result of an entry, if there is one, and counts it
// anew.
func (rs *Responses) updateResult(e *cache.Entry, update func(*inFlightResult)) {
	if len(e.Body) == 0 {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if res := rs.inFlight[&e.Body[0]]; res != nil {
		update(res)
		rs.recount(res)
		rs.cutOverCapacity()
	}
}
