package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/leases"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/transform"
)

// fillLease is the part that a fill has in the leases.
type fillLease struct {
	// since is the purge sequence before the fill began.
	since uint64
	// asked says that the fill goes on with or without a lease.
	asked bool
	// held is nil where the fill has none.
	held *leases.Lease
}

// errElsewhere: another server of the cluster has the fill in hand, or the result.
var errElsewhere = errors.New("another server makes this result")

// withLease makes the entry, or takes it from another server that makes it. Nothing is held while the fill waits for
// that: no source, and no memory.
func (f *fill) withLease(ctx context.Context, old *cache.Entry) (e *cache.Entry, err error) {
	s := f.server
	if s.cfg.Leases == nil || f.key.IsVariant() || s.cfg.Clock.DoubtNow() == purge.Revalidate {
		return f.fillAgainIfLost(ctx, old)
	}
	f.lease = &fillLease{since: s.cfg.Clock.Applied()}
	defer func() { f.endLease(e) }()
	if s.cfg.Leases.From <= 0 {
		err = f.askForLease(ctx)
	}
	if err == nil {
		e, err = f.fillAgainIfLost(ctx, old)
	}
	if !errors.Is(err, errElsewhere) {
		return e, err
	}
	if e = f.awaitOther(ctx); e != nil {
		return e, nil
	}
	return f.fillAgainIfLost(ctx, old)
}

// leaseIfDear asks for the lease of a fill whose transform is worth it. errElsewhere says that the fill has to wait.
func (f *fill) leaseIfDear(ctx context.Context, info transform.Info, out transform.Params) error {
	if f.lease == nil || f.lease.asked {
		return nil
	}
	job := transform.Job{Source: f.source.Data(), Info: info, Outputs: []transform.Params{out}}
	if transform.ExpectedCPU(job) < f.server.cfg.Leases.From {
		return nil
	}
	return f.askForLease(ctx)
}

func (f *fill) askForLease(ctx context.Context) error {
	f.lease.asked = true
	a := f.server.cfg.Leases.Ask(ctx, string(f.key))
	if a.MustWait() {
		return errElsewhere
	}
	f.lease.held = a.Lease
	return nil
}

// awaitOther waits for another server, and takes what it hands over; nil where the fill has to make the entry.
func (f *fill) awaitOther(ctx context.Context) (e *cache.Entry) {
	f.phases.enter(phaseFollow)
	l := f.server.cfg.Leases
	most := l.Wait
	if end, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(end)/2)
	}
	f.lease.held, _ = l.Leases.Wait(ctx, string(f.key), most, func(ctx context.Context, head []byte) bool {
		e = f.takeOver(ctx, head)
		return e != nil
	})
	return e
}

// takeOver reads what another server hands over, into memory that was admitted for it; nil where it is no answer.
func (f *fill) takeOver(ctx context.Context, head []byte) *cache.Entry {
	s := f.server
	e, size, ok := s.cfg.Cache.EntryOf(head, wantedEntry(f.cacheRequest, s.cfg.inForce.Load().TTL))
	if !ok {
		return nil
	}
	if size > s.cfg.Leases.HandOver {
		defer f.phases.enter(phaseFollow)
		return s.shared().await(ctx, f.cacheRequest)
	}
	g, err := f.queueWait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
		return s.memory.Budgets.Transforms.Acquire(budget.Optional(ctx), size)
	})
	if err != nil {
		return nil
	}
	if e.Body, err = s.cfg.Leases.Body(ctx, string(f.key), size); err != nil || cache.ETag(e.Body) != e.ETag {
		g.Release()
		return nil
	}
	s.log.Debug("taken from another server", "source", s.loggedSource(f.req, f.concealed), "bytes", size)
	s.memory.Responses.AddFilled(e, g)
	return e
}

// shared reads what other servers have made.
func (s *Server) shared() bucketReader {
	return bucketReader{s.cfg.Cache, s.memory, s.cfg.inForce.Load().TTL}
}

// endLease ends the lease of a fill, if it has one, and hands its entry over; nil for none. One that is too large for
// that is written to the bucket, whatever its rule of admission: a server that waits is a second request.
func (f *fill) endLease(e *cache.Entry) {
	if f.lease.held == nil {
		return
	}
	s, h := f.server, leases.HandOver{}
	fits := e != nil && int64(len(e.Body)) <= s.cfg.Leases.HandOver
	if e != nil && (fits || s.cfg.Cache.HasBucket()) {
		head, ok := s.cfg.Cache.HeadOf(e, f.lease.since)
		switch {
		case ok && fits:
			g := s.memory.Budgets.Transforms.Charge(int64(len(e.Body)))
			h = leases.HandOver{Head: head, Body: e.Body, Sent: g.Release}
		case ok && s.cfg.Cache.OfferToBucket(e):
			h = leases.HandOver{Head: head}
		}
	}
	f.lease.held.End(h)
}
