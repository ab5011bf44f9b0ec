package cache

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

const (
	// bucketWriters is how many records are written at once.
	bucketWriters = 4
	// maxQueued bounds the writes that wait.
	maxQueued = 1024
	// maxQueuedBytes bounds the bytes of entries that wait, beside what reserve allows.
	maxQueuedBytes = 8 << 20
	// drainTime is how long Close waits for what is queued.
	drainTime = 3 * time.Second
	// drainPart is the part of the time of a Shutdown that this may take: others need some, too.
	drainPart = 2
)

// bucketQueue has the writes that wait. No caller waits for its place there: what does not fit is not written.
type bucketQueue struct {
	// ctx ends when the writers are to give up.
	ctx     context.Context
	cancel  context.CancelFunc
	waiting chan bucketWrite
	writers sync.WaitGroup
	// reserve counts the bytes of entries that wait against the memory limit; nil for no such limit.
	reserve atomic.Pointer[func(bytes int64) (release func(), ok bool)]
	bytes   atomic.Int64

	mu     sync.Mutex
	closed bool
}

// bucketWrite is an entry to be written. Its bytes, if it has them, are reserved.
type bucketWrite struct {
	entry *Entry
	// remove has the record removed.
	remove  bool
	release func()
}

func (b *Bucket) startWriters() {
	q := &b.queue
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.waiting = make(chan bucketWrite, maxQueued)
	for range bucketWriters {
		q.writers.Go(func() {
			for w := range q.waiting {
				b.figures.countWrite(b.write(w))
				w.release()
			}
		})
	}
}

// close writes what is queued, for a while: no longer than ctx allows.
func (b *Bucket) close(ctx context.Context) {
	most := drainTime
	if end, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(end)/drainPart)
	}
	q := &b.queue
	q.mu.Lock()
	q.closed = true
	close(q.waiting)
	q.mu.Unlock()
	t := time.AfterFunc(most, q.cancel)
	defer t.Stop()
	q.writers.Wait()
	q.cancel()
}

// Why an entry is not written.
var (
	errQueueFull = errors.New("as much as may wait is waiting")
	errStamp     = errors.New("the purges that it has seen cannot be told to others")
	errBodyGone  = errors.New("no tier has its bytes any more")
)

// take reserves bytes of the queue.
func (q *bucketQueue) take(n int64) (release func(), ok bool) {
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

// enqueue has an entry written soon, and reports whether it will be tried.
func (b *Bucket) enqueue(e *Entry) bool {
	w := bucketWrite{entry: e.metadata(), release: func() {}}
	if e.Body != nil {
		release, ok := b.queue.take(e.Size())
		if !ok {
			b.figures.countWrite(errQueueFull)
			return false
		}
		w.entry.Body, w.release = e.Body, release
	}
	return b.put(w)
}

// drop has the record of an entry removed soon.
func (b *Bucket) drop(e *Entry) {
	b.put(bucketWrite{entry: e.metadata(), remove: true, release: func() {}})
}

func (b *Bucket) put(w bucketWrite) bool {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	if !b.queue.closed {
		select {
		case b.queue.waiting <- w:
			return true
		default:
			b.figures.countWrite(errQueueFull)
		}
	}
	w.release()
	return false
}

// write writes an entry in place of what is older or of no use.
func (b *Bucket) write(w bucketWrite) error {
	e, ctx := w.entry, b.queue.ctx
	name := recordName(e.Source, e.Key)
	if w.remove {
		if err := b.cfg.Store.Remove(ctx, name); err != nil {
			return err
		}
		return errRemoved
	}
	if !b.isFresh(e) {
		return errOver
	}
	stamp, ok := b.clock.Stamp(e.Seq)
	if !ok {
		return errStamp
	}
	e.sharedIn = ""
	header, err := encodeHeader(e, stamp)
	if err != nil {
		return err
	}
	if e.Body == nil {
		release, err := b.loadBody(e)
		if err != nil {
			return err
		}
		defer release()
	}
	content, err := diskstore.EncodeRecord(header, e.Body)
	if err != nil {
		return err
	}
	create := !b.replaced.has(e.Key)
	err = b.cfg.Store.Put(ctx, name, content, create)
	if errors.Is(err, objectstore.ErrExists) && b.isWorse(ctx, name, e) {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		err = b.cfg.Store.Put(ctx, name, content, false)
	}
	if err == nil {
		b.replaced.forget(e.Key)
	}
	if err == nil || errors.Is(err, objectstore.ErrExists) {
		b.markShared(e)
	}
	return err
}

// markShared has the lower tiers remember that the bucket has an entry, or one as good: their hits would else offer
// it again, and again after a restart.
func (b *Bucket) markShared(e *Entry) {
	e.sharedIn = b.mark
	for _, t := range b.lower {
		if t, ok := t.(sharedMarker); ok {
			t.MarkShared(e)
		}
	}
}

// sharedMarker is a Tier whose entries outlast what a process remembers.
type sharedMarker interface {
	// MarkShared notes that the bucket has an entry, where its key still has the very entry.
	MarkShared(*Entry)
}

// errRemoved: a record was removed, as was wanted.
var errRemoved = errors.New("removed")

// loadBody gives an entry its bytes, from a lower tier.
func (b *Bucket) loadBody(e *Entry) (release func(), err error) {
	for _, t := range b.lower {
		have, ok := t.Get(b.queue.ctx, e.Key)
		if !ok {
			continue
		}
		defer have.Close()
		if have.ETag != e.ETag {
			continue
		}
		release, ok := b.queue.take(have.Size())
		if !ok {
			return nil, errQueueFull
		}
		e.Body = make([]byte, have.Size())
		if _, err := io.ReadFull(have.contentUntil(b.queue.ctx), e.Body); err != nil {
			release()
			return nil, errBodyGone
		}
		return release, nil
	}
	return nil, errBodyGone
}

// isWorse says whether the record of an entry is to be replaced by it.
func (b *Bucket) isWorse(ctx context.Context, name string, e *Entry) bool {
	found := make(chan *Entry, 1)
	_, err := b.cfg.Store.Get(ctx, name, func(_ context.Context, from io.Reader, size int64) ([]byte, func(), error) {
		_, err := diskstore.ReadRecord(from, size, func(header []byte, _ int64) error {
			there, err := b.decode(header, Wanted{Key: e.Key, Source: e.Source})
			if err == nil {
				found <- there
				err = &objectstore.Declined{Err: errDecoded}
			}
			return err
		})
		return nil, nil, err
	})
	switch {
	case errors.Is(err, errDecoded):
		there := <-found
		return !b.isFresh(there) || there.Expires.Before(e.Expires) || there.Seq < e.Seq && there.ETag != e.ETag
	}
	return errors.Is(err, objectstore.ErrNone) || isOfNoUse(err)
}

// isOfNoUse says whether an error of a read tells of a record that is of no use to any server. A server that has
// applied more purges may yet have use for one that is ahead, and a bucket that is slow or fails says nothing of its
// records.
func isOfNoUse(err error) bool {
	switch {
	case errors.Is(err, errOver), errors.Is(err, errForeign), errors.Is(err, diskstore.ErrBroken):
		return true
	}
	return errors.Is(err, errUnvouched) && !errors.Is(err, purge.ErrAhead)
}

// errDecoded: the header of a record is all that was wanted.
var errDecoded = errors.New("only the header is wanted")
