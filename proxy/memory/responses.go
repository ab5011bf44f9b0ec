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

// SmallResult is the largest entry that is sent out of the share of small ones: the
// kernel's buffer takes it whole, so that no client keeps it in memory.
const SmallResult = sendBufferSize

// Responses accounts for the results that are on their way to clients, by what they
// add to memory. The bytes of an entry count once, however many clients read it:
//
//   - not at all while the RAM cache has them, which counts them, nor in a file;
//   - where a fill has just made them, in the share of transforms, until the cache
//     has taken them, the sending share has room for them, or nobody wants them;
//   - else in the sending share. Small entries have a part of it to themselves, and
//     a large one is given no more than half of the other part: what it has beyond
//     that stays in the share of transforms.
//
// So an entry that the RAM cache lets go of while clients read it begins to count
// then, room or not. Where there is none, or where a client waits for some, the
// slowest readers are cut off: see relieve.
type Responses struct {
	small, large *budget.Budget
	// transforms has what is just made, and what of an entry is beyond its part.
	transforms *budget.Budget
	// PieceTime is how long a client has for a piece.
	PieceTime time.Duration

	mu sync.Mutex
	// outgoing are by the first of their bytes: entries that are renewed have the
	// same.
	inFlight map[*byte]*inFlightResult
	// interests are the newest of their keys.
	requestGroups map[cache.Key]*requestGroup
	transfers     map[*Transfer]struct{}
	// exclusive is how many jobs wait for all others to give back.
	exclusiveJobs int
	// cutAt is when a reader was last cut off for those who wait.
	lastCut time.Time
	cuts    [numCutReasons]atomic.Uint64
}

// outgoing is the bytes of an entry that are in memory and not in the cache's care
// alone.
type inFlightResult struct {
	entry     *cache.Entry
	size      int64
	countedBy accounting
	// grants are what counts the bytes, but for held ones; share is the one of the
	// sending share, nil where there is none.
	grants  []*budget.Grant
	budget  *budget.Budget
	since   time.Time // of share
	readers map[*Transfer]struct{}
	// landing: the fill that made the bytes is not over; read: a client has begun.
	fillRunning, wasRead bool
	// waits are the clients that the bytes stay counted for where none reads them.
	awaitedBy *requestGroup
	// claim is closed when the client that waits for room has it, or gives up; nil
	// where none waits. needless ends its wait.
	roomFound  chan struct{}
	cancelWait context.CancelCauseFunc
	// cut: its readers are being cut off.
	beingCut bool
}

// where bytes are counted.
type accounting uint8

const (
	uncounted accounting = iota
	// made: by what the fill was admitted with.
	countedInFill
	// held: by the RAM cache.
	countedInCache
	// shared: by the sending share.
	countedInBudget
)

// interest is clients who have asked for a key and have not begun to read. Bytes that
// nobody reads wait for those who had asked by then: one who asks later gets them
// only from the RAM cache, or anew. So that a key which there is always a client of
// keeps nothing for ever, later clients are an interest of their own.
type requestGroup struct {
	count int
	// of are bytes that wait for these clients and for those before.
	results      []*inFlightResult
	older, newer *requestGroup
}

// ResponseBudgets are what results are counted by: Small and Large are the sending
// share.
type ResponseBudgets struct{ Small, Large, Transforms *budget.Budget }

// NewResponses counts results by these budgets.
func NewResponses(b ResponseBudgets) *Responses {
	return &Responses{small: b.Small, large: b.Large, transforms: b.Transforms, PieceTime: defaultPieceTime,
		inFlight: map[*byte]*inFlightResult{}, requestGroups: map[cache.Key]*requestGroup{}, transfers: map[*Transfer]struct{}{}}
}

// SplitResponses splits the sending share.
func SplitResponses(bytes int64) (small, large int64) {
	small = max(bytes/4, 1)
	return small, max(bytes-small, 1)
}

// RegisterRequest is a client that asks for a key: until over is called what is made
// meanwhile stays counted.
func (rs *Responses) RegisterRequest(key cache.Key) (unregister func()) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	group := rs.requestGroups[key]
	if group == nil || len(group.results) > 0 {
		group = &requestGroup{older: group}
		if group.older != nil {
			group.older.newer = group
		}
		rs.requestGroups[key] = group
	}
	group.count++
	return func() {
		rs.mu.Lock()
		defer rs.mu.Unlock()
		if group.count--; group.count == 0 {
			rs.removeGroup(key, group)
		}
	}
}

// lost takes an interest away whose last client is gone. The lock is held.
func (rs *Responses) removeGroup(key cache.Key, group *requestGroup) {
	switch {
	case group.newer != nil:
		group.newer.older = group.older
	case group.older != nil:
		rs.requestGroups[key] = group.older
	default:
		delete(rs.requestGroups, key)
	}
	if group.older != nil {
		group.older.newer = group.newer
	}
	for _, res := range group.results {
		switch {
		case res.awaitedBy != group: // it has been read since
		case group.older != nil:
			res.awaitedBy = group.older
			group.older.results = append(group.older.results, res)
		case len(res.readers) == 0 && !res.fillRunning:
			rs.stopCounting(res)
		}
	}
}

// AddFilled takes over the bytes of an entry that a fill has made, with what counts
// them.
func (rs *Responses) AddFilled(e *cache.Entry, g *budget.Grant) {
	if len(e.Body) == 0 {
		g.Release()
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	res := rs.resultOf(e)
	res.countedBy, res.grants, res.fillRunning = countedInFill, []*budget.Grant{g}, true
}

// of finds the bytes of an entry, or adds them. The lock is held.
func (rs *Responses) resultOf(e *cache.Entry) *inFlightResult {
	res := rs.inFlight[&e.Body[0]]
	if res == nil {
		res = &inFlightResult{entry: e, size: int64(cap(e.Body)), readers: map[*Transfer]struct{}{}}
		rs.inFlight[&e.Body[0]] = res
	}
	return res
}

// Moved implements cache.Watcher.
func (rs *Responses) Moved(e *cache.Entry) {
	rs.updateResult(e, func(*inFlightResult) {})
}

// Landed implements cache.Watcher.
func (rs *Responses) Landed(e *cache.Entry) {
	rs.updateResult(e, func(res *inFlightResult) { res.fillRunning = false })
}

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

// settle counts bytes where they are to be counted now, and forgets those that
// nobody wants. The lock is held.
func (rs *Responses) recount(res *inFlightResult) {
	switch {
	case res.entry.Held():
		if res.countedBy != countedInCache {
			res.countBy(countedInCache)
		}
		if res.cancelWait != nil {
			res.cancelWait(errInCache)
		}
	case res.countedBy == countedInCache && len(res.readers) > 0:
		b, n := rs.budgetFor(res.size)
		res.countBy(countedInBudget, rs.transforms.Charge(res.size-n), b.Charge(n))
		res.budget = b
	case res.countedBy == countedInCache:
		res.countBy(uncounted)
	}
	if len(res.readers) > 0 || res.fillRunning {
		return
	}
	delivered := res.entry.NoStore && res.wasRead // of one client, who has had it
	if group := rs.requestGroups[res.entry.Key]; group != nil && res.countedBy != uncounted && !delivered {
		if res.awaitedBy != group {
			res.awaitedBy, group.results = group, append(group.results, res)
		}
		return
	}
	rs.stopCounting(res)
}

// forget stops counting bytes. The lock is held.
func (rs *Responses) stopCounting(res *inFlightResult) {
	res.countBy(uncounted)
	res.awaitedBy = nil
	delete(rs.inFlight, &res.entry.Body[0])
}

// count counts bytes by other grants.
func (res *inFlightResult) countBy(by accounting, g ...*budget.Grant) {
	for i := len(res.grants) - 1; i >= 0; i-- {
		res.grants[i].Release()
	}
	res.countedBy, res.grants, res.budget, res.since = by, g, nil, time.Now()
}

// part is the share that an entry of a size is sent out of, and what it gets there.
func (rs *Responses) budgetFor(size int64) (b *budget.Budget, n int64) {
	if size <= SmallResult {
		return rs.small, min(size, rs.small.Stats().Capacity)
	}
	return rs.large, min(size, max(rs.large.Stats().Capacity/2, 1))
}

// WaitFunc runs f, which waits for a grant, for as long as a request may still wait
// for memory. Where that is over the error is budget.ErrSaturated.
type WaitFunc func(ctx context.Context, f func(context.Context) (*budget.Grant, error)) (*budget.Grant, error)

// Admit counts a client in that is about to read an entry. Where there is no room
// for its bytes the client waits, with the errors of Budget.Acquire.
func (rs *Responses) Admit(ctx context.Context, wait WaitFunc, e *cache.Entry) (*Transfer, error) {
	t := &Transfer{responses: rs}
	for {
		res, roomFound, leads := rs.addReader(t, e)
		if roomFound == nil {
			return t, nil
		}
		err := error(nil)
		if leads {
			err = rs.waitForRoom(ctx, wait, res)
		} else {
			_, err = wait(ctx, func(ctx context.Context) (*budget.Grant, error) {
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

// enter is a client that may read at once, where claim is nil, or that waits until
// claim is closed: mine says that it is the one that claims room for all.
func (rs *Responses) addReader(t *Transfer, e *cache.Entry) (res *inFlightResult, roomFound chan struct{}, leads bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	t.admittedAt = time.Now() // again after a wait, which says nothing of how fast it reads
	rs.transfers[t] = struct{}{}
	if len(e.Body) == 0 { // it is in a file
		return nil, nil, false
	}
	res = rs.resultOf(e)
	t.result, res.readers[t], res.wasRead, res.beingCut = res, struct{}{}, true, false
	rs.recount(res)
	switch {
	case res.countedBy == countedInCache, res.countedBy == countedInBudget:
		return res, nil, false
	case res.roomFound != nil:
		return res, res.roomFound, false
	}
	res.roomFound = make(chan struct{})
	return res, res.roomFound, true
}

// errHeld: the RAM cache has taken the bytes that room was waited for.
var errInCache = errors.New("the cache has it")

// claim waits for room in the sending share.
func (rs *Responses) waitForRoom(ctx context.Context, wait WaitFunc, res *inFlightResult) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rs.mu.Lock()
	res.cancelWait = cancel
	rs.recount(res)
	rs.mu.Unlock()
	b, n := rs.budgetFor(res.size)
	stopCutting := rs.CutSlowReaders()
	g, err := wait(ctx, func(ctx context.Context) (*budget.Grant, error) { return b.Acquire(ctx, n) })
	stopCutting()
	if errors.Is(err, budget.ErrTooLarge) {
		err = budget.ErrSaturated // the share became smaller meanwhile
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
	case errors.Is(err, errInCache): // for a moment
		return budget.ErrSaturated
	case err != nil:
		return err
	}
	res.countBy(countedInBudget, rs.transforms.Charge(res.size-n), g)
	res.budget = b
	return nil
}

// Release is a client that reads no more.
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
