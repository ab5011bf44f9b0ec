package memory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// Responses counts the memory of results that clients are reading. The bytes of an entry
// count once, however many clients read it:
//
//   - not at all while they are in a file, or in the RAM cache, which counts them, or where
//     the kernel takes all of a hit at once;
//   - in the transform budget where a fill has just made them, until the cache has taken
//     them, a budget of the responses has room for them, or no request needs them;
//   - else in a budget of the responses. There is one for small results, and one for large
//     ones, of which each gets half at most. Its overflow stays in the transform budget.
//
// So a result that the RAM cache evicts while clients read it counts from then on, whether
// there is room or not. Where there is none, and while a request waits for room, the
// slowest readers are cut off (slowreaders.go). accounting.go has a table of the states.
type Responses struct {
	small, large, transforms *budget.Budget
	// PieceTime is how long a client has for each piece of a response.
	PieceTime time.Duration

	mu sync.Mutex
	// inFlight has results by the address of their first byte.
	inFlight map[*byte]*inFlightResult
	// requestGroups has the newest generation of requests for each key.
	requestGroups map[cache.Key]*requestGroup
	transfers     map[*Transfer]struct{}
	// exclusiveJobs is how many jobs wait for the transform budget to be empty.
	exclusiveJobs int
	// lastCut is when readers were last cut off for a request that waits.
	lastCut time.Time
	cuts    [numCutReasons]atomic.Uint64
}

// ResponseBudgets are the budgets that results are counted in.
type ResponseBudgets struct {
	// Small is for results of SmallResult bytes at most, Large for all others.
	Small, Large *budget.Budget
	// Transforms is the budget of the fills.
	Transforms *budget.Budget
}

// NewResponses counts results in these budgets.
func NewResponses(b ResponseBudgets) *Responses {
	return &Responses{
		small: b.Small, large: b.Large, transforms: b.Transforms,
		PieceTime:     maxUnreadTime,
		inFlight:      map[*byte]*inFlightResult{},
		requestGroups: map[cache.Key]*requestGroup{},
		transfers:     map[*Transfer]struct{}{},
	}
}

// SplitResponses splits the bytes for responses into the budgets of small and large ones.
func SplitResponses(bytes int64) (small, large int64) {
	small = max(bytes/4, 1)
	return small, max(bytes-small, 1)
}

// Admit counts a client that is about to read an entry. Where there is no room for the
// result the client waits, with the errors of Budget.Acquire.
func (rs *Responses) Admit(ctx context.Context, wait *budget.QueueWait, e *cache.Entry) (*Transfer, error) {
	t := &Transfer{responses: rs}
	for {
		res, roomFound, leads := rs.addReader(t, e)
		if roomFound == nil {
			return t, nil
		}
		var err error
		if leads {
			err = rs.waitForRoom(ctx, wait, res)
		} else {
			_, err = wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
				select {
				case <-roomFound:
					return nil, nil
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			})
		}
		if err != nil {
			rs.Release(t)
			return nil, err
		}
	}
}

// addReader adds a client to the readers of an entry. Where roomFound is nil the client may
// begin. Else it waits until roomFound is closed, or, where leads is true, waits for room in
// the budget on behalf of all readers.
func (rs *Responses) addReader(t *Transfer, e *cache.Entry) (res *inFlightResult, roomFound chan struct{}, leads bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	t.admittedAt = time.Now() // set again after a wait, so that waiting is not slow reading
	rs.transfers[t] = struct{}{}
	if len(e.Body) == 0 { // the content is in a file
		return nil, nil, false
	}
	res = rs.beginReading(t, e)
	switch {
	case res.countedBy == countedInCache, res.countedBy == countedInBudget:
		return res, nil, false
	case res.roomFound != nil:
		return res, res.roomFound, false
	}
	res.roomFound = make(chan struct{})
	return res, res.roomFound, true
}

// beginReading adds a client to the readers of a result. The lock is held.
func (rs *Responses) beginReading(t *Transfer, e *cache.Entry) *inFlightResult {
	res := rs.resultOf(e)
	t.result = res
	res.readers[t] = struct{}{}
	res.wasRead, res.beingCut = true, false
	rs.recount(res)
	return res
}

// admitBlocked counts a client that is being sent an entry of the RAM cache and did not take
// all of it at once: sent bytes of the body so far. An entry that the RAM cache has evicted
// since counts like one that it evicts while clients read it. For a response without a body
// the entry is nil.
func (rs *Responses) admitBlocked(e *cache.Entry, sent int64, abort func()) *Transfer {
	t := &Transfer{responses: rs, abort: abort, admittedAt: time.Now()}
	t.sentBytes.Store(sent)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.transfers[t] = struct{}{}
	if e == nil {
		return t
	}
	res := rs.beginReading(t, e)
	if res.countedBy == uncounted || res.countedBy == countedInFill {
		b, n := rs.budgetFor(res.size)
		rs.countInBudget(res, b, n, b.Charge(n))
		rs.cutOverCapacity()
	}
	return t
}

// errInCache ends the wait for room when the RAM cache has taken the bytes.
var errInCache = errors.New("the cache has it")

// waitForRoom waits for room in the budget of a result, and counts the result there.
func (rs *Responses) waitForRoom(ctx context.Context, wait *budget.QueueWait, res *inFlightResult) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rs.mu.Lock()
	res.cancelWait = cancel
	rs.recount(res)
	rs.mu.Unlock()
	b, n := rs.budgetFor(res.size)
	stopCutting := rs.CutSlowReaders()
	g, err := wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return b.Acquire(ctx, n) })
	stopCutting()
	if errors.Is(err, budget.ErrTooLarge) {
		err = budget.ErrSaturated // the budget has become smaller since budgetFor
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	close(res.roomFound)
	res.roomFound, res.cancelWait = nil, nil
	switch rs.recount(res); {
	case res.countedBy == countedInCache:
		if g != nil {
			g.Release()
		}
		return nil
	case errors.Is(err, errInCache): // the cache had the bytes for a moment only
		return budget.ErrSaturated
	case err != nil:
		return err
	}
	rs.countInBudget(res, b, n, g)
	return nil
}

// Release ends a transfer: the client reads no more.
func (rs *Responses) Release(t *Transfer) {
	t.markEnded()
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.transfers, t)
	if t.result != nil {
		delete(t.result.readers, t)
		rs.recount(t.result)
	}
}
