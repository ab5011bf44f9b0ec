package proxy

import (
	"context"
	"time"
)

// deferringServer is what deferrals need of the server.
func (s *Server) deferringServer() deferringServer {
	return deferringServer{
		clock: s.cfg.Clock, now: s.now, maxAge: max(int64(s.cfg.Defer.MaxAge/time.Second), 1),
		begin: func(ctx context.Context) (func(), error) { return s.warmer.beginImage(ctx) },
		most:  s.memory.BackgroundJobs,
		fill: func(ctx context.Context, a cacheRequest) (already bool, err error) {
			line, err := s.fillEntry(ctx, a)
			return line.Status == StatusAlready, err
		},
		logFailure: s.logDeferralFailure,
	}
}

// logDeferralFailure logs a deferred result that could not be made.
func (s *Server) logDeferralFailure(a cacheRequest, err error) {
	f := backgroundFailureOf(err)
	s.logSampled("deferred result not made", "deferred: "+f.code, f, newRequestID(), func() []any {
		return []any{"source", clipText(s.loggedSource(a.req, a.concealed)), "format", a.req.Params.Format,
			"err", clipText(f.causeWithoutSource(err))}
	})
}
