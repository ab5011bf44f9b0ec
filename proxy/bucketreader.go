package proxy

import (
	"context"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
)

// bucketReader reads results of the bucket into memory that is admitted for them.
type bucketReader struct {
	cache  *cache.Cache
	memory *memory.Governor
	ttl    sources.TTL
}

// ask asks the bucket, if there is one, for the entry of a request: see cache.Cache.FromBucket.
func (r bucketReader) ask(
	ctx context.Context, old *cache.Entry, a cacheRequest,
) (e *cache.Entry, answer bool, release func()) {
	if !r.cache.HasBucket() {
		return nil, false, nil
	}
	a.phases.enter(phaseBucket)
	defer a.phases.enter(phaseLookup)
	return r.cache.FromBucket(ctx, wantedEntry(a, r.ttl), old, r.reserve(a))
}

// bucketWait bounds the wait for a record that another server is writing, and bucketRetry is between two looks.
const (
	bucketWait  = 2 * time.Second
	bucketRetry = 100 * time.Millisecond
)

// await asks the bucket until it has the answer that another server is writing; nil where it has none in time. The
// caller has memory for an answer, as for a result.
func (r bucketReader) await(ctx context.Context, a cacheRequest) *cache.Entry {
	if !r.cache.HasBucket() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bucketWait)
	defer cancel()
	again := time.NewTicker(bucketRetry)
	defer again.Stop()
	for {
		e, answer, release := r.ask(ctx, nil, a)
		if answer {
			r.countFilled(e) // before the reservation ends
		}
		if release != nil {
			release()
		}
		if answer {
			return e
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// reserve reserves the bytes of an entry of the bucket where those of the results of fills are. Where they are not to
// be had the fill makes the entry itself: nothing is shed.
func (r bucketReader) reserve(a cacheRequest) cache.Reserve {
	return func(ctx context.Context, bytes int64) (func(), error) {
		if a.background {
			ctx = budget.InBackground(ctx)
		}
		grant, err := r.memory.Budgets.Transforms.Acquire(budget.Optional(ctx), bytes)
		if err != nil {
			return nil, err
		}
		return grant.Release, nil
	}
}

// countFilled counts the bytes of an entry of the bucket like those of a result, while they are reserved, too.
func (r bucketReader) countFilled(e *cache.Entry) {
	r.memory.Responses.AddFilled(e, r.memory.Budgets.Transforms.Charge(int64(cap(e.Body))))
}
