package main

import (
	"context"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// modelTier stands in for a disk tier: a file for each result would take most of the time of a run.
type modelTier struct {
	mu      sync.Mutex
	records *lru[cache.Key, *cache.Entry]
}

// lookupKey is for a context with the *lookup of a request.
type lookupKey struct{}

// lookup notes where the answer of a request was found.
type lookup struct{ onDisk bool }

func (t *modelTier) Get(ctx context.Context, key cache.Key) (*cache.Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	stored, ok := t.records.find(key)
	if !ok {
		return nil, false
	}
	if l, ok := ctx.Value(lookupKey{}).(*lookup); ok {
		l.onDisk = true
	}
	return stored.Renew(), true // a copy
}

func (t *modelTier) Put(e *cache.Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.records.put(e.Key, e.Renew(), e.Size())
}

func (t *modelTier) Renew(e *cache.Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	stored, ok := t.records.find(e.Key)
	if !ok || stored.ETag != e.ETag {
		return false
	}
	renewed := e.Renew()
	renewed.Body = stored.Body
	return t.records.put(e.Key, renewed, renewed.Size())
}

func (t *modelTier) Use(key cache.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records.find(key)
}

func (t *modelTier) Drop(key cache.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records.drop(key)
}

func (t *modelTier) Close() {}

// sourceStore is a model of a server's disk store of sources: until when each is fresh.
type sourceStore = lru[uint32, time.Duration]

// origin is what servers asked of it.
type origin struct {
	Fetches, Revalidations int
	FetchedBytes           int64
}

// acquire has a source ready at a time: stored and fresh, revalidated, or fetched.
func (o *origin) acquire(s *sourceStore, image uint32, size int64, now, ttl time.Duration) {
	expires, ok := s.find(image)
	switch {
	case ok && now < expires:
		return
	case ok:
		o.Revalidations++
	default:
		o.Fetches++
		o.FetchedBytes += size
	}
	s.put(image, now+ttl, size)
}
