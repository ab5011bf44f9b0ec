package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxQueued bounds the writes that wait.
	maxQueued = 1024
	// maxQueuedBytes bounds the bytes of entries that wait, beside what reserve allows.
	maxQueuedBytes = 8 << 20
	// drainTime is how long close waits for what is queued.
	drainTime = 3 * time.Second
	// drainPart is the part of the time of a Shutdown that this may take: others need some, too.
	drainPart = 2
)

// bucketQueue has the writes to a bucket that wait. No caller waits for its place there: what does not fit is not
// written.
type bucketQueue struct {
	// ctx ends when the writers are to give up.
	ctx     context.Context
	cancel  context.CancelFunc
	waiting chan bucketWrite
	writers sync.WaitGroup
	// count is told how each write went, also of those that did not fit.
	count func(error)
	// reserve counts the bytes of entries that wait against the memory limit; nil for no such limit.
	reserve atomic.Pointer[func(bytes int64) (release func(), ok bool)]
	bytes   atomic.Int64

	mu     sync.Mutex
	closed bool
}

// bucketWrite is something to be written. release gives back what was reserved for it.
type bucketWrite struct {
	write   func() error
	release func()
}

// start starts so many writers.
func (q *bucketQueue) start(writers int, count func(error)) {
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.waiting, q.count = make(chan bucketWrite, maxQueued), count
	for range writers {
		q.writers.Go(func() {
			for w := range q.waiting {
				q.count(w.write())
				w.release()
			}
		})
	}
}

// close writes what is queued, for a while: no longer than ctx allows.
func (q *bucketQueue) close(ctx context.Context) {
	most := drainTime
	if end, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(end)/drainPart)
	}
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.waiting)
	}
	q.mu.Unlock()
	t := time.AfterFunc(most, q.cancel)
	defer t.Stop()
	q.writers.Wait()
	q.cancel()
}

// errQueueFull: as much as may wait is waiting.
var errQueueFull = errors.New("as much as may wait is waiting")

// reserveBytes reserves bytes of the queue.
func (q *bucketQueue) reserveBytes(n int64) (release func(), ok bool) {
	for {
		now := q.bytes.Load()
		if now+n > maxQueuedBytes {
			return nil, false
		}
		if q.bytes.CompareAndSwap(now, now+n) {
			break
		}
	}
	give := func() {}
	if reserve := q.reserve.Load(); reserve != nil {
		if give, ok = (*reserve)(n); !ok {
			q.bytes.Add(-n)
			return nil, false
		}
	}
	return func() {
		give()
		q.bytes.Add(-n)
	}, true
}

// put has something written soon. Where there is no place for it, it is released at once.
func (q *bucketQueue) put(w bucketWrite) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		select {
		case q.waiting <- w:
			return true
		default:
			q.count(errQueueFull)
		}
	}
	w.release()
	return false
}
