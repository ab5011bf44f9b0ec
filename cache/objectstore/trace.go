package objectstore

import "errors"

// Trace is told of calls of a bucket.
type Trace interface {
	// BeginCall is told of a call before it is made: its method (GET, PUT or DELETE), the URL that all objects of
	// the Store begin with, and the name of the object. end is told how it went: ok, none (there is no such object),
	// exists, refused (the object is there and of no use), left (nobody waits for it any more), slow or failed. The
	// last two are failures of the bucket.
	BeginCall(method, bucket, name string) (end func(result string, failed bool))
}

// begin begins the trace of a call; of one for no request where trace is nil.
func (s *Store) begin(trace Trace, method, name string) (end func(error, verdict)) {
	if trace == nil {
		trace = s.cfg.Trace
	}
	if trace == nil {
		return func(error, verdict) {}
	}
	ended := trace.BeginCall(method, s.cfg.URL, name)
	return func(err error, v verdict) { ended(resultOf(err, v), v == bad) }
}

// resultOf names how a call went.
func resultOf(err error, v verdict) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNone):
		return "none"
	case errors.Is(err, ErrExists):
		return "exists"
	case v == good:
		return "refused"
	case v == unknown:
		return "left"
	case errors.Is(err, ErrLate):
		return "slow"
	}
	return "failed"
}
