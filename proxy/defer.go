package proxy

import (
	"context"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// quickAnswerTo is what is served in place of the result of a request until that was made; nil where the result is not
// deferred. asked is the request before negotiation. A result for one client alone is not deferred: nobody else would
// have any use of it, and what it depends on may be secret.
func (s *Server) quickAnswerTo(m *Mount, asked signedurl.Request, a cacheRequest, accept []string) *quickAnswer {
	if s.cfg.Defer == (Deferral{}) || a.key.IsVariant() || a.req.IsInfo() || a.req.Meta.Form != "" {
		return nil
	}
	quick, what := a.req, ""
	p := a.req.Params
	if p.Best == 0 && s.cfg.Defer.Formats.Has(p.Format) && s.leavesFormatOpen(m, &asked) {
		s.acceptedOf(m, accept, s.formatAccess().Write&^s.cfg.Defer.Formats).applyTo(&asked)
		quick, what = asked, p.Format.Ext()
	}
	switch q, search := s.withoutSearch(quick); {
	case search == "":
	case what == "":
		quick, what = q, search
	default:
		quick, what = q, what+" "+search
	}
	if what == "" {
		return nil
	}
	answer := &quickAnswer{s.newCacheRequest(quick), what}
	answer.by, answer.hops = a.by, a.hops
	answer.passed, answer.concealed = a.passed, a.concealed
	answer.clock, answer.trace = a.clock, a.trace
	return answer
}

// withoutSearch is a request with the quality that it has without a search, where such searches are deferred, and what
// that is called; "" where it is the same request.
func (s *Server) withoutSearch(req signedurl.Request) (quick signedurl.Request, what string) {
	p := req.Params
	switch {
	case p.Best != 0 && s.cfg.Defer.Best:
		return s.withoutChoice(req), deferredBest
	case p.Best == 0 && p.AutoQuality.On() && s.cfg.Defer.AutoQuality:
		req.Params.AutoQuality = transform.AutoQuality{}
		return req, deferredSearch
	}
	return req, ""
}

// withoutChoice is a request for one of the formats that the smallest is chosen from: WebP, or as the source is JPEG or
// PNG, or the one that takes the least time.
func (s *Server) withoutChoice(req signedurl.Request) signedurl.Request {
	set := req.Params.Best & s.formatAccess().Write
	if req.AnimatedFormat == transform.FormatUnknown {
		req.Params.Still = true
	}
	req.Params.Best, req.Params.AutoQuality = 0, transform.AutoQuality{}
	req.AnimatedFormat = transform.FormatUnknown
	for _, f := range []transform.Format{transform.WebP, transform.JPEG, transform.PNG, transform.JXL, transform.AVIF} {
		switch {
		case !set.Has(f):
			continue
		case f == transform.JPEG && set.Has(transform.PNG):
			req.Auto = true
		default:
			req.Params.Format = f
		}
		return req
	}
	return req
}

// getDeferred is the lookup of a deferred result. No request waits while one is made: where there is none the error is
// errDeferred. One that is stale is served, and made anew in the background.
func (s *Server) getDeferred(ctx context.Context, a cacheRequest) (*cache.Entry, cache.Outcome, error) {
	behind := a.inBackground()
	refresh := func(ctx context.Context, commit func() error, old *cache.Entry) (*cache.Entry, error) {
		return s.fillOrShare(ctx, commit, old, behind)
	}
	e, outcome, mayFind := s.cfg.Cache.GetStored(ctx, a.key, refresh)
	switch {
	case e != nil:
		return e, outcome, nil
	case !mayFind:
		return nil, outcome, errDeferred
	}
	return s.cfg.Cache.Get(ctx, a.key, func(
		ctx context.Context, commit func() error, old *cache.Entry,
	) (*cache.Entry, error) {
		return s.findAgain(ctx, commit, old, a)
	})
}

// findAgain is a fill that finds an entry that is still right, or that another server has made. It makes none.
func (s *Server) findAgain(
	ctx context.Context, commit func() error, old *cache.Entry, a cacheRequest,
) (*cache.Entry, error) {
	shared, answer, release := s.shared().ask(ctx, old, a)
	if release != nil {
		defer release()
	}
	switch {
	case answer:
		s.shared().countFilled(shared)
		return shared, nil
	case shared != nil:
		old = shared
	case old == nil:
		return nil, errDeferred
	}
	wait := budget.NewQueueWait(s.cfg.inForce.Load().QueueWait)
	f := &fill{server: s, queueWait: wait, commit: commit, cacheRequest: a}
	f.makesNothing = true
	e, err := f.fillAgainIfLost(ctx, old)
	if err == nil && shared != nil {
		s.shared().countFilled(e)
	}
	return e, err
}
