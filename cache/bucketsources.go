package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
)

// SourceBucket is the part of a bucket that has sources, for servers that make another result of one. Package sources
// knows what a record says and whether it is good; what the bucket does is bounded here. It may lose any source.
type SourceBucket struct {
	cfg     BucketConfig
	id      string
	queue   bucketQueue
	figures bucketFigures
	// asked has sources that were fetched lately, offered has forms of sources that the bucket was offered or has,
	// and replaced sources whose record there is of no use, until it is replaced.
	asked, offered, replaced doorkeeper
}

// sourceWriters is how many sources are written at once.
const sourceWriters = 2

// SlowFetch is how long a fetch takes from which on AdmitSlow has a source written.
const SlowFetch = SlowEffort

// NewSourceBucket starts the writers of a bucket, which Close ends.
func NewSourceBucket(cfg BucketConfig) *SourceBucket {
	b := &SourceBucket{cfg: cfg, id: bucketID(cfg.Name)}
	b.queue.start(sourceWriters, b.figures.countWrite)
	return b
}

// bucketID stands for a bucket in records on disk.
func bucketID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}

// ID is what a record on disk has of the bucket that has its source, too.
func (b *SourceBucket) ID() string { return b.id }

// Close writes what is queued, for a while: no longer than ctx allows. The stores that sources are in are closed after
// it.
func (b *SourceBucket) Close(ctx context.Context) { b.queue.close(ctx) }

// Stats are figures of the bucket.
func (b *SourceBucket) Stats() BucketStats { return b.figures.stats(b.cfg.Store, &b.queue) }

// AdmitReads has admit asked for each read: see objectstore.Store.AdmitReads.
func (b *SourceBucket) AdmitReads(admit func() (release func(), ok bool)) {
	b.cfg.Store.AdmitReads(admit)
}

// SharedSource names a source: Identity in purges, and ID in caches.
type SharedSource struct{ Identity, ID string }

// objectName is the name of the object of a source: those that a purge of one identity names lie together.
func (s SharedSource) objectName() string { return "s/" + sourceFolder(s.Identity) + hashName(s.ID) }

// sourceFolder is what the names of all objects of a source have in common.
func sourceFolder(identity string) string {
	name := hashName(identity)
	return name[:2] + "/" + name + "/"
}

func hashName(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// SourceSink takes the bytes of a source of the bucket.
type SourceSink interface {
	io.Writer
	// Check is called when all bytes are there. An error says that they are not those of the source.
	Check() error
	// Discard gives back the memory.
	Discard()
}

// Read reads a source, for no longer than the bucket's patience. accept is given the header and the length of the
// bytes, and reserves memory for them until its context ends; its errors are those of records that are of no use. The
// caller discards the sink that it gets. accept, and the sink, may be used for a while after Read has returned.
func (b *SourceBucket) Read(
	ctx context.Context, s SharedSource, trace BucketTrace,
	accept func(ctx context.Context, header []byte, size int64) (SourceSink, error),
) (SourceSink, error) {
	// The function that reads may still run when Get has returned.
	accepted := make(chan SourceSink, 1)
	_, err := b.cfg.Store.Get(ctx, s.objectName(), trace,
		func(ctx context.Context, from io.Reader, size int64) ([]byte, func(), error) {
			var sink SourceSink
			err := diskstore.CopyRecord(from, size, func(header []byte, size int64) (io.Writer, error) {
				var err error
				sink, err = acceptInTime(ctx, header, size, accept)
				return sink, err
			})
			if err == nil && sink.Check() != nil {
				err = diskstore.ErrBroken
			}
			if err != nil {
				if sink != nil {
					sink.Discard()
				}
				return nil, nil, err
			}
			accepted <- sink
			return nil, sink.Discard, nil
		})
	b.figures.countRead(err)
	if err != nil {
		if isOfNoUse(err) {
			b.replaced.seen(Key(s.ID))
		}
		return nil, err
	}
	return <-accepted, nil
}

// acceptInTime has a caller accept a record in a half of the patience that is left. A bucket is to blame for what is
// foreign there, and for nothing else that its records may be.
func acceptInTime(
	ctx context.Context, header []byte, size int64,
	accept func(ctx context.Context, header []byte, size int64) (SourceSink, error),
) (SourceSink, error) {
	ctx, cancel := withHalfPatience(ctx)
	defer cancel()
	sink, err := accept(ctx, header, size)
	if err != nil {
		if !errors.Is(err, ErrForeign) {
			err = &objectstore.Declined{Err: err}
		}
		return nil, err
	}
	return sink, nil
}

// SourceRecord is a source as it is written to a bucket. Close gives back what it took to have it.
type SourceRecord struct {
	Header []byte
	Body   *io.SectionReader
	Close  func()
}

// SourceOffer is a source that the bucket may have.
type SourceOffer struct {
	SharedSource
	// Form tells it from what it was before it was last fetched.
	Form string
	// Load gives the record when it is written.
	Load func(ctx context.Context) (SourceRecord, error)
	// IsWorse says whether a record of the bucket with a header is to be replaced by it, unless it is of no use.
	IsWorse func(header []byte) (bool, error)
	// Shared is called when the bucket has it, or one as good; nil for nothing.
	Shared func()
	// Done is called once, whatever becomes of the offer; nil for nothing.
	Done func()
}

// done ends the offer.
func (o *SourceOffer) done() {
	if o.Done != nil {
		o.Done()
	}
}

// Fetched offers a source that was fetched, which took so long.
func (b *SourceBucket) Fetched(o SourceOffer, took time.Duration) {
	admitted := true
	switch again := b.asked.seen(Key(o.ID)); b.cfg.Admit {
	case AdmitSlow:
		admitted = took >= SlowFetch
	case AdmitSecond:
		admitted = again
	}
	b.offer(o, admitted)
}

// Used offers a source that was there for a second fill.
func (b *SourceBucket) Used(o SourceOffer) { b.offer(o, b.cfg.Admit == AdmitSecond) }

// offer has a source written soon, unless that was done or tried before.
func (b *SourceBucket) offer(o SourceOffer, admitted bool) {
	if !admitted || b.offered.seen(Key(o.ID+"\n"+o.Form)) {
		o.done()
		return
	}
	b.queue.put(bucketWrite{write: func() error { return b.write(&o) }, release: o.done})
}

// write writes a source in place of what is worse or of no use.
func (b *SourceBucket) write(o *SourceOffer) error {
	ctx, name := b.queue.ctx, o.objectName()
	record, err := o.Load(ctx)
	if err != nil {
		return err
	}
	defer record.Close()
	content, err := diskstore.EncodeRecordOf(record.Header, record.Body)
	if err != nil {
		return errors.Join(ErrBodyGone, err)
	}
	isWorse := func() bool { return b.isWorse(ctx, name, o) }
	err = b.cfg.putOrReplace(ctx, name, content, isWorse, &b.replaced, Key(o.ID))
	if (err == nil || errors.Is(err, objectstore.ErrExists)) && o.Shared != nil {
		o.Shared()
	}
	return err
}

// isWorse says whether the record of a source is to be replaced.
func (b *SourceBucket) isWorse(ctx context.Context, name string, o *SourceOffer) bool {
	worse := make(chan bool, 1)
	_, err := b.cfg.Store.Get(ctx, name, nil, func(_ context.Context, from io.Reader, size int64) (
		[]byte, func(), error,
	) {
		err := diskstore.CopyRecord(from, size, func(header []byte, _ int64) (io.Writer, error) {
			is, err := o.IsWorse(header)
			if err == nil {
				worse <- is
				err = errDecoded
			}
			if !errors.Is(err, ErrForeign) {
				err = &objectstore.Declined{Err: err}
			}
			return nil, err
		})
		return nil, nil, err
	})
	if errors.Is(err, errDecoded) {
		return <-worse
	}
	return errors.Is(err, objectstore.ErrNone) || isOfNoUse(err)
}
