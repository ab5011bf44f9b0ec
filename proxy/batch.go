package proxy

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// batches joins fills of one source that wait for a worker, such as those of a page's srcset. The first one
// that is admitted takes the others along: one job makes all of their results, and decodes the source once.
// A fill that waits for nothing starts at once, alone.
//
// Each fill remains a flight of its own. It leaves the queue when its clients have left, and commits when the
// job starts. It has its result as soon as that is made. If the job fails, each result that is
// missing is made alone, so that one is not refused for what another one does to a worker.
type batches struct {
	server  *Server
	running sync.WaitGroup
	// searches are those that jobs have made.
	searches *searches

	mu     sync.Mutex
	queues map[*sources.Source]*batchQueue
	stats  batchStats
}

// batchStats count jobs of several results, and these results.
type batchStats struct{ jobs, results uint64 }

// batchQueue is the fills of one source.
type batchQueue struct {
	// settled are the users of the source that are not on their way to the queue: they have come to it, or
	// will not come.
	settled int
	// changed is closed and renewed when a user has settled or left.
	changed chan struct{}
	waiting []*batchMember
}

// batchMember is a fill in a queue, or in a batch.
type batchMember struct {
	fill    *fill
	planned plannedTransform
	// ctx is the fill's until a batch takes it: a member that waits for its own admission then stops.
	ctx  context.Context
	stop context.CancelFunc
	// called is closed when the member is to have itself admitted, and taken when a batch has it.
	called, taken chan struct{}
	// outcome gets the result of the batch, or the error.
	outcome chan batchOutcome

	// The queue's lock guards these. batch is nil until one has taken the member. A member that has
	// abandoned its batch takes no outcome.
	isCalled, hasOutcome, abandoned bool
	batch                           *batch
}

type batchOutcome struct {
	picture transform.Picture
	grant   *budget.Grant
	err     error
	// panicked is what the job's goroutine panicked with, to be passed on to the flight.
	panicked any
}

const (
	// arrivalTime is how long the first fill of a queue waits at most for those that have the source and are on
	// their way. It takes them some microseconds, but where all processors are busy.
	arrivalTime = 50 * time.Millisecond
	// recountTime is how often it counts them meanwhile: one that turns out to need a newer source says nothing.
	recountTime = time.Millisecond
	// mostBatched bounds the results of a batch, and with it the header of its job's frame.
	mostBatched = 16
)

func newBatches(s *Server) *batches {
	return &batches{server: s, searches: newSearches(), queues: map[*sources.Source]*batchQueue{}}
}

// mayTake says whether a transform can be one of a batch. One that has to run exclusively cannot.
func (b *batches) mayTake(t plannedTransform) bool {
	return t.need() <= b.server.memory.Budgets.Transforms.Stats().Capacity &&
		transform.SharesDecode(t.job.Info, t.job.Outputs[0])
}

// transform makes the result of a fill, in a batch if there are others, else alone. errBatchFailed says that
// it is to be made alone.
func (b *batches) transform(ctx context.Context, f *fill, t plannedTransform) (transform.Picture, error) {
	m := b.join(ctx, f, t)
	defer b.leave(m)
	err := m.awaitTurn(ctx)
	if err == nil && !b.isTaken(m) {
		b.awaitOthers(ctx, f.source)
		var admission *memory.Admission
		admission, err = b.server.memory.Admit(m.ctx, f.queueWait, f.source, t.need())
		if err == nil && b.isAlone(m, admission) {
			return f.transformAdmitted(ctx, t, admission)
		}
	}
	if !b.isTaken(m) {
		return transform.Picture{}, err
	}
	return m.result(ctx)
}

// join adds a fill to the queue of its source. It is called for its own admission where no other one is that
// needs as little: a small job must not wait for the memory of a large one.
func (b *batches) join(ctx context.Context, f *fill, t plannedTransform) *batchMember {
	m := &batchMember{
		fill: f, planned: t, called: make(chan struct{}), taken: make(chan struct{}),
		outcome: make(chan batchOutcome, 1),
	}
	m.ctx, m.stop = context.WithCancel(ctx)
	f.settle()
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[f.source]
	q.waiting = append(q.waiting, m)
	q.callNext()
	return m
}

// call has the member admit itself. The lock is held.
func (m *batchMember) call() {
	m.isCalled = true
	close(m.called)
}

// leave takes a member out of the queue, if it is still there, and calls another one.
func (b *batches) leave(m *batchMember) {
	m.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[m.fill.source]; q != nil {
		q.remove(m)
		q.callNext()
	}
}

func (q *batchQueue) remove(m *batchMember) {
	if i := slices.Index(q.waiting, m); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
}

// callNext calls the members for whom none is called that needs as little, the one that has waited longest first.
func (q *batchQueue) callNext() {
	for _, m := range q.waiting {
		if !m.isCalled && !q.hasCalled(m.planned.need()) {
			m.call()
		}
	}
}

// hasCalled says whether a member is called that needs at most so many bytes.
func (q *batchQueue) hasCalled(need int64) bool {
	return slices.ContainsFunc(q.waiting, func(m *batchMember) bool { return m.isCalled && m.planned.need() <= need })
}

func (b *batches) isTaken(m *batchMember) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return m.batch != nil
}

// awaitTurn waits until the member is called or taken. That counts as waiting for a budget.
func (m *batchMember) awaitTurn(ctx context.Context) error {
	_, err := m.fill.queueWait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
		select {
		case <-m.called:
		case <-m.taken:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		return nil, nil
	})
	return err
}

// awaitOthers waits, for a moment, for the fills that have the source and are on their way to the queue. Those of
// one fetch have it at the same time.
func (b *batches) awaitOthers(ctx context.Context, src *sources.Source) {
	ctx, cancel := context.WithTimeout(ctx, arrivalTime)
	defer cancel()
	recount := time.NewTicker(recountTime)
	defer recount.Stop()
	for ctx.Err() == nil {
		b.mu.Lock()
		q := b.queues[src]
		settled, changed := q.settled, q.changed
		b.mu.Unlock()
		if src.Users() <= settled {
			return
		}
		select {
		case <-changed:
		case <-recount.C:
		case <-ctx.Done():
		}
	}
}

// settle counts a user of a source that has come to the queue, or will not come.
func (b *batches) settle(src *sources.Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[src]
	if q == nil {
		q = &batchQueue{changed: make(chan struct{})}
		b.queues[src] = q
	}
	q.settled++
	q.notify()
}

// forget is told of a user that has released the source, and whether it had settled.
func (b *batches) forget(src *sources.Source, settled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[src]
	if q == nil {
		return
	}
	if settled {
		q.settled--
	}
	if q.settled == 0 {
		delete(b.queues, src)
	}
	q.notify()
}

func (q *batchQueue) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait waits until ctx ends for jobs whose fills have all left.
func (b *batches) wait(ctx context.Context) { waitUntil(ctx, &b.running) }

// snapshot is the counts.
func (b *batches) snapshot() batchStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// errBatchFailed: the job of a batch failed before it had made a result.
var errBatchFailed = errors.New("job of several results failed")
