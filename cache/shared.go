package cache

import (
	"context"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// attachBucket makes the bucket, if there is one, part of the cache.
func (c *Cache) attachBucket() {
	if c.cfg.Bucket == nil {
		return
	}
	c.cfg.Bucket.attach(bucketHost{
		clock: c.cfg.Clock, lower: c.cfg.Lower,
		isFresh:    func(e *Entry) bool { return c.stateOf(e) == fresh },
		isUsable:   func(e *Entry) bool { return c.stateOf(e) > gone },
		hasRefresh: func(e *Entry) bool { return e.isDueForRefresh(c.cfg.Now()) },
	})
}

// FromBucket is for a Fill, before it does anything else. It looks for the entry of its key in the bucket. Where
// answer is true the entry is the result of the fill. Else an entry, if there is one, is what the fill may find to be
// still right, like old, the one that it was given. release is nil without an entry; the caller calls it when its
// bytes are counted elsewhere.
func (c *Cache) FromBucket(
	ctx context.Context, wanted Wanted, old *Entry, reserve Reserve,
) (e *Entry, answer bool, release func()) {
	b, key := c.cfg.Bucket, wanted.Key
	if b == nil || key.IsVariant() || c.cfg.Clock.DoubtNow() == purge.Revalidate || c.negativeEntry(key).bypass {
		return nil, false, nil
	}
	e, release, err := b.read(ctx, wanted, old, reserve)
	b.figures.countRead(err)
	if err != nil {
		if isOfNoUse(err) {
			b.replaced.seen(key)
		}
		return nil, false, nil
	}
	return e, e.inBucket, release
}

// ReserveBucketWrites has the bytes that wait to be written to the bucket reserved. reserve does not wait.
func (c *Cache) ReserveBucketWrites(reserve func(bytes int64) (release func(), ok bool)) {
	if c.cfg.Bucket != nil {
		c.cfg.Bucket.queue.reserve.Store(&reserve)
	}
}

// HasBucket says whether there is a bucket.
func (c *Cache) HasBucket() bool { return c.cfg.Bucket != nil }

// OfferToBucket has an entry that a fill has just made written to the bucket, whatever the rule of admission. It is
// false where there is no room for the bytes among those that wait to be written, or the entry is not for other
// servers.
func (c *Cache) OfferToBucket(e *Entry) bool {
	b := c.cfg.Bucket
	if b == nil || e.Key.IsVariant() {
		return false
	}
	b.offered.seen(e.offerName())
	return b.enqueue(e)
}

// AdmitBucketReads has admit asked for each read of the bucket: see objectstore.Store.AdmitReads.
func (c *Cache) AdmitBucketReads(admit func() (release func(), ok bool)) {
	if c.cfg.Bucket != nil {
		c.cfg.Bucket.cfg.Store.AdmitReads(admit)
	}
}

// BucketStats are false without a bucket.
func (c *Cache) BucketStats() (st BucketStats, ok bool) {
	if c.cfg.Bucket == nil {
		return st, false
	}
	b := c.cfg.Bucket
	return b.figures.stats(b.cfg.Store, &b.queue), true
}
