package cache

import (
	"context"
	"errors"
	"io"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// bucketWriters is how many records are written at once.
const bucketWriters = 4

// Why a record is not written.
var (
	// ErrStamp: other servers could not tell which purges it has seen.
	ErrStamp = errors.New("the purges that it has seen cannot be told to others")
	// ErrBodyGone: its bytes are not there any more.
	ErrBodyGone = errors.New("no tier has its bytes any more")
)

// enqueue has an entry written soon, and reports whether it will be tried.
func (b *Bucket) enqueue(e *Entry) bool {
	of, release := e.metadata(), func() {}
	if e.Body != nil {
		var ok bool
		if release, ok = b.queue.reserveBytes(e.Size()); !ok {
			b.figures.countWrite(errQueueFull)
			return false
		}
		of.Body = e.Body
	}
	return b.queue.put(bucketWrite{write: func() error { return b.write(of) }, release: release})
}

// drop has the record of an entry removed soon.
func (b *Bucket) drop(e *Entry) {
	name := recordName(e.Source, e.Key)
	b.queue.put(bucketWrite{release: func() {}, write: func() error {
		if err := b.cfg.Store.Remove(b.queue.ctx, name); err != nil {
			return err
		}
		return errRemoved
	}})
}

// write writes an entry in place of what is older or of no use.
func (b *Bucket) write(e *Entry) error {
	ctx, name := b.queue.ctx, recordName(e.Source, e.Key)
	if !b.isFresh(e) {
		return ErrOutdated
	}
	stamp, ok := b.clock.Stamp(e.Seq)
	if !ok {
		return ErrStamp
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
	isWorse := func() bool { return b.isWorse(ctx, name, e) }
	err = b.cfg.putOrReplace(ctx, name, content, isWorse, &b.replaced, e.Key)
	if err == nil || errors.Is(err, objectstore.ErrExists) {
		b.markShared(e)
	}
	return err
}

// putOrReplace writes an object, in place of one that is there where that is worse, or known to be of no use: then key
// is among replaced, until it is written.
func (c *BucketConfig) putOrReplace(
	ctx context.Context, name string, content *io.SectionReader, isWorse func() bool, replaced *doorkeeper, key Key,
) error {
	err := c.Store.Put(ctx, name, content, !replaced.has(key))
	if errors.Is(err, objectstore.ErrExists) && isWorse() {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		err = c.Store.Put(ctx, name, content, false)
	}
	if err == nil {
		replaced.forget(key)
	}
	return err
}

// markShared has the lower tiers remember that the bucket has an entry, or one as good: their hits would else offer
// it again, and again after a restart.
func (b *Bucket) markShared(e *Entry) {
	e.sharedIn = b.id
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
		release, ok := b.queue.reserveBytes(have.Size())
		if !ok {
			return nil, errQueueFull
		}
		e.Body = make([]byte, have.Size())
		if _, err := io.ReadFull(have.contentUntil(b.queue.ctx), e.Body); err != nil {
			release()
			return nil, ErrBodyGone
		}
		return release, nil
	}
	return nil, ErrBodyGone
}

// isWorse says whether the record of an entry is to be replaced by it.
func (b *Bucket) isWorse(ctx context.Context, name string, e *Entry) bool {
	found := make(chan *Entry, 1)
	_, err := b.cfg.Store.Get(ctx, name, nil, func(_ context.Context, from io.Reader, size int64) (
		[]byte, func(), error,
	) {
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
	case errors.Is(err, ErrOutdated), errors.Is(err, ErrForeign), errors.Is(err, diskstore.ErrBroken):
		return true
	}
	return errors.Is(err, ErrUnvouched) && !errors.Is(err, purge.ErrAhead)
}

// errDecoded: the header of a record is all that was wanted.
var errDecoded = errors.New("only the header is wanted")
