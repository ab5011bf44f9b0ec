package cache

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// BucketAdmit says which results a bucket gets.
type BucketAdmit uint8

const (
	// AdmitSecond: those that were asked for twice.
	AdmitSecond BucketAdmit = iota
	// AdmitSlow: those that took SlowEffort to make.
	AdmitSlow
	// AdmitAll: all.
	AdmitAll
)

// BucketAdmitNames are the names of these, in their order.
var BucketAdmitNames = []string{"second", "slow", "all"}

// String is its name.
func (a BucketAdmit) String() string { return BucketAdmitNames[min(a, AdmitAll)] }

// ParseBucketAdmit reads one of BucketAdmitNames.
func ParseBucketAdmit(s string) (BucketAdmit, bool) {
	for i, name := range BucketAdmitNames {
		if s == name {
			return BucketAdmit(i), true
		}
	}
	return 0, false
}

// SlowEffort is from which Entry.Effort on AdmitSlow has an entry written.
const SlowEffort = 100 * time.Millisecond

// Bucket is the tier of results that servers share. A fill asks it before the origin, and what a fill made is written
// to it later, in the background. It may lose any entry, and gives none that was purged: its records carry stamps
// (purge.Stamp), which each server turns into sequences of its own.
type Bucket struct {
	cfg BucketConfig
	id  string // stands for the bucket in records of lower tiers
	bucketHost

	queue   bucketQueue
	figures bucketFigures
	// asked has keys that were filled lately, offered has entries that the bucket was offered or has, and
	// replaced keys whose record there is of no use, until it is replaced.
	asked, offered, replaced doorkeeper
}

// BucketConfig configures a Bucket.
type BucketConfig struct {
	Store *objectstore.Store
	Admit BucketAdmit
	// Name tells the bucket from others that a server may have had before: records on disk say which one has them,
	// too.
	Name string
}

// NewBucket makes the tier of a bucket for Config.Bucket.
func NewBucket(cfg BucketConfig) *Bucket {
	return &Bucket{cfg: cfg, id: bucketID(cfg.Name)}
}

// bucketHost is what a bucket knows of its cache.
type bucketHost struct {
	clock *purge.Clock
	// lower are the tiers that have the bytes of entries which are not in memory.
	lower []Tier
	// isFresh says that an entry is an answer, and isUsable that its bytes may at least be found to be still right.
	isFresh, isUsable func(*Entry) bool
	// hasRefresh says that it is time to make an entry anew.
	hasRefresh func(*Entry) bool
}

// attach makes a bucket part of a cache, and starts its writers.
func (b *Bucket) attach(host bucketHost) {
	b.bucketHost = host
	b.queue.start(bucketWriters, b.figures.countWrite)
}

// recordName is the name of an entry's object: all results of a source lie together.
func recordName(source string, key Key) string {
	return "r/" + sourceFolder(source) + hashName(string(key))
}

// Reserve reserves memory for the bytes of an entry, or gives an error. release gives them back.
type Reserve func(ctx context.Context, bytes int64) (release func(), err error)

// Why a record of the bucket is of no use.
var (
	// ErrUnvouched: it may have missed purges.
	ErrUnvouched = errors.New("the record may have missed purges")
	// ErrOutdated: it was purged, or is too old.
	ErrOutdated = errors.New("the record was purged, or is too old")
	// ErrNoMemory: it is not known, as there is no memory for it.
	ErrNoMemory = errors.New("no memory for the record")
	// ErrForeign: it is another one than its name says, or nothing that a server has written.
	ErrForeign = errors.New("the record is no result, or another one than its name says")
)

// read reads a wanted entry that is of use beside old.
func (b *Bucket) read(
	ctx context.Context, wanted Wanted, old *Entry, reserve Reserve,
) (e *Entry, release func(), err error) {
	// The function that reads may still run when Get has returned.
	type found struct {
		e       *Entry
		release func()
	}
	accepted := make(chan found, 1)
	body, err := b.cfg.Store.Get(ctx, recordName(wanted.Source, wanted.Key), wanted.Trace,
		func(ctx context.Context, from io.Reader, size int64) (body []byte, release func(), err error) {
			var f found
			body, err = diskstore.ReadRecord(from, size, func(header []byte, size int64) (err error) {
				if f.e, err = b.decode(header, wanted); err != nil {
					return err
				}
				if !b.accepts(f.e, old) {
					return &objectstore.Declined{Err: ErrOutdated}
				}
				if f.release, err = reserveInTime(ctx, reserve, size); err != nil {
					return &objectstore.Declined{Err: ErrNoMemory}
				}
				return nil
			})
			if err == nil && f.e.ETag != ETag(body) {
				err = diskstore.ErrBroken
			}
			if err != nil && f.release != nil {
				f.release()
			}
			accepted <- f
			return body, f.release, err
		})
	if err != nil {
		return nil, nil, err
	}
	f := <-accepted
	f.e.Body = body
	return f.e, f.release, nil
}

// reserveInTime waits for memory for a half of the patience that is left.
func reserveInTime(ctx context.Context, reserve Reserve, size int64) (release func(), err error) {
	ctx, cancel := withHalfPatience(ctx)
	defer cancel()
	return reserve(ctx, size)
}

// withHalfPatience ends a context after a half of the time that is left of it. The other one is for the bytes: what
// memory takes must not look like a slow bucket.
func withHalfPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(end)/2)
}

// decode reads the header of a record, with a sequence of this server's clock.
func (b *Bucket) decode(header []byte, wanted Wanted) (*Entry, error) {
	e, err := wanted.decode(header, b.clock.SequenceOf)
	if errors.Is(err, ErrUnvouched) {
		err = &objectstore.Declined{Err: err}
	}
	return e, err
}

// accepts says whether an entry of the bucket is an answer, and marks it then, or may be found to be still right.
func (b *Bucket) accepts(e, old *Entry) bool {
	e.inBucket = b.isFresh(e) && !b.hasRefresh(e) && (old == nil || e.Stored.After(old.Stored))
	if e.inBucket {
		e.sharedIn = b.id
	}
	return e.inBucket || old == nil && b.isUsable(e)
}

// FromBucket says whether an entry was read from the bucket by the fill that gave it.
func (e *Entry) FromBucket() bool { return e.inBucket }

// offerName tells the forms of an entry apart, which each renewal gives another one.
func (e *Entry) offerName() Key { return Key(string(e.Key) + "\n" + e.ETag + e.Stored.UTC().String()) }

// used is told of each hit. An entry whose record on disk says that the bucket has it costs nothing.
func (b *Bucket) used(e *Entry) {
	if b.cfg.Admit != AdmitSecond || e.inBucket || e.sharedIn == b.id {
		return
	}
	if r := e.readState; r != nil && (r.offered.Load() || r.offered.Swap(true)) {
		return
	}
	b.offer(e)
}

// filled is told of each entry that a fill has made, and of whether there was one before.
func (b *Bucket) filled(e *Entry, again bool) {
	if e.inBucket {
		b.offered.seen(e.offerName())
		return
	}
	switch b.cfg.Admit {
	case AdmitSlow:
		again = e.Effort >= SlowEffort
	case AdmitAll:
		again = true
	default:
		again = b.asked.seen(e.Key) || again
	}
	if again {
		b.offer(e)
	}
}

// offer has an entry written, unless that was done or tried before, or it is not for other servers.
func (b *Bucket) offer(e *Entry) {
	if e.Key.IsVariant() || b.offered.seen(e.offerName()) {
		return
	}
	b.enqueue(e)
}
