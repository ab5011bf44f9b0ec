package proxy

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/tracing"
)

// beginTrace begins the trace of a request; nil where there are no traces, and for the checks of orchestrators.
func (s *Server) beginTrace(r *http.Request) *tracing.Request {
	if s.cfg.Tracer == nil || strings.HasPrefix(r.RequestURI, "/health") {
		return nil
	}
	return s.cfg.Tracer.Begin(r, time.Now())
}

// traceAs has the record keep what the trace of its request tells, if it is recorded.
func (rec *responseRecord) traceAs(trace *tracing.Request) {
	rec.trace = trace
	if trace.IsSampled() {
		rec.began = trace.Began()
		rec.phases.begin(rec.began)
		rec.phases.timeline = &timeline{}
	}
}

// traceID is the id of the trace of the request, if one is recorded; else "".
func (rec *responseRecord) traceID() string {
	if rec == nil {
		return ""
	}
	return rec.trace.ID()
}

// finishTrace ends the trace of a request that has ended.
func (s *Server) finishTrace(rec *responseRecord, r *http.Request) {
	if !rec.trace.IsSampled() {
		return
	}
	rec.phases.read()
	rec.phases.mu.Lock()
	phases := rec.phases.timeline.phases()
	rec.phases.mu.Unlock()
	rec.trace.Finish(r, &tracing.Summary{
		Route: rec.route, Pattern: patternOf(rec.route), Target: s.loggedTarget(rec, r), RequestID: requestIDOf(rec),
		Dialect: rec.dialect, Outcome: rec.outcome, Tier: rec.tier, Code: rec.code, WorkerEnded: workerEnded(rec.code),
		Status: rec.status, ContentType: rec.Header().Get("Content-Type"), Sent: rec.sent,
		Phases: phases, Ended: rec.phases.since,
	})
}

// patternOf is the path that the router has for a route; "" for none.
func patternOf(route string) string {
	switch route {
	case routeImage, routeUpload:
		return "/*"
	case routeHome:
		return "/"
	}
	return ""
}

// workerEnded is the error code where it says that a worker was ended for the request, else "".
func workerEnded(code string) string {
	if slices.Contains([]string{"crashed", "overran", "overtime", "transform-timeout"}, code) {
		return code
	}
	return ""
}

// requestTrace is told of what is asked of others for a request.
type requestTrace interface {
	origin.Trace
	cache.BucketTrace
}

// fetchTrace has requests to an origin, and calls of the bucket, appear in the trace of the request that they are for.
type fetchTrace struct {
	request *tracing.Request
	// shown is how logs have a URL.
	shown func(url string) string
}

// Begin implements origin.Trace.
func (t fetchTrace) Begin(req *http.Request) func(status int, err error) {
	url := t.shown(req.URL.String())
	if url == leftOut {
		url = ""
	}
	return t.request.BeginFetch(req, url)
}

// BeginCall implements cache.BucketTrace. The name of an object is a hash of the source, by which one can find out
// whether a guess is right.
func (t fetchTrace) BeginCall(method, bucket, name string) func(result string, failed bool) {
	url := t.shown(bucket + name)
	if url == leftOut {
		url = ""
	}
	return t.request.BeginCall(method, bucket, url)
}

// traceFetches is what the fetches for a request tell; nil where there are no traces.
func (s *Server) traceFetches(rec *responseRecord, r *http.Request, req signedurl.Request) requestTrace {
	if rec.trace == nil {
		return nil
	}
	shown := s.cfg.inForce.Load().RequestLog.redactSource
	if hidesSource(r.RequestURI, req) {
		shown = func(string) string { return leftOut }
	}
	return fetchTrace{rec.trace, shown}
}
