package proxy

import (
	"context"
	"sync/atomic"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// fillOrShare is fill, unless another server has made the entry and the bucket has it. That counts as no miss of the
// key.
func (s *Server) fillOrShare(
	ctx context.Context, commit func() error, old *cache.Entry, a cacheRequest,
) (*cache.Entry, error) {
	shared, answer, release := s.shared().ask(ctx, old, a)
	if release != nil {
		defer release()
	}
	if answer {
		s.memory.NoteActivity()
		s.shared().countFilled(shared)
		return shared, nil
	}
	if shared != nil {
		old = shared
	}
	if err := a.by.takeMiss(s.now()); err != nil {
		return nil, err
	}
	e, err := s.fill(ctx, commit, old, a)
	if err == nil && shared != nil && len(e.Body) > 0 && &e.Body[0] == &shared.Body[0] {
		s.shared().countFilled(e)
	}
	return e, err
}

// bucketShare is the part of the budget of large responses that writes to the bucket may take. Clients come first:
// nothing is reserved while one waits, or where less than a half would be left.
const bucketShare = 4

// reserveBucketWrites has the results that wait for the bucket counted as results on their way to clients are.
func (s *Server) reserveBucketWrites() {
	responses := s.memory.Budgets.Responses
	spare := budget.InBackground(context.Background())
	var held atomic.Int64
	s.cfg.Cache.ReserveBucketWrites(func(bytes int64) (func(), bool) {
		if held.Add(bytes) > responses.Stats().Capacity/bucketShare {
			held.Add(-bytes)
			return nil, false
		}
		grant, err := responses.Acquire(spare, bytes)
		if err != nil {
			held.Add(-bytes)
			return nil, false
		}
		return func() {
			grant.Release()
			held.Add(-bytes)
		}, true
	})
}

// bucketReadShare is the part of the fetches that reads of the bucket may be: each has the buffers of one.
const bucketReadShare = 4

// admitBucketReads has reads of the bucket counted as fetches are. They wait for none: fetches make way, as a read
// that finds something spares one.
func (s *Server) admitBucketReads() {
	fetches := s.memory.Budgets.Fetches
	var reading atomic.Int64
	admit := func() (func(), bool) {
		if reading.Add(1) > max(1, fetches.Stats().Capacity/bucketReadShare) {
			reading.Add(-1)
			return nil, false
		}
		slot := fetches.Charge(1)
		return func() {
			slot.Release()
			reading.Add(-1)
		}, true
	}
	s.cfg.Cache.AdmitBucketReads(admit)
	if s.cfg.SourceBucket != nil {
		s.cfg.SourceBucket.AdmitReads(admit)
	}
}
