package sources

import (
	"context"
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// Request is a source that a fill wants.
type Request struct {
	// URL is what is fetched, and Identity the name of the source in caches and purges.
	// Each value of CacheBuster is another source at the same URL.
	URL, Identity, CacheBuster string
	// HasIgnoredParams says that the URL has parameters that its identity has not: an
	// error that an origin gives for them is not one of the source.
	HasIgnoredParams bool
	// Hops are the proxies that the request has passed. A flight takes them from its
	// leader.
	Hops origin.Hops
	// Passed are headers of the request that go on to the origin. Sources that are fetched with others are
	// others.
	Passed origin.Passed
	// Trace is told of requests to the origin; nil for none. A flight takes it from its leader.
	Trace origin.Trace
	// TraceBucket is told of calls of the bucket; nil for none. A flight takes it from its leader, too.
	TraceBucket cache.BucketTrace
	// AskBucket, unless nil, is told when the bucket is asked, and then, by what it gives, that it was. A flight takes
	// it from its leader.
	AskBucket func() (asked func())
	// MinFetched and MinValidated are the newest purges that name the result: the
	// source must have been fetched after the first, and be validated after the
	// second.
	MinFetched, MinValidated uint64
	// Queue is the queue wait that the caller has left.
	Queue *budget.QueueWait
	// Needs is the part of the source that is enough. What Acquire gives may be more.
	Needs Part
	// Background: no client waits for the source. A flight takes this from its leader
	// (see budget.InBackground), and its followers fetch for themselves where it yields.
	Background bool
}

// ID is the name that a source is stored under. A new cachebuster means that there are new
// bytes at the same URL.
func (w Request) ID() string {
	id := w.variantOf(w.Identity)
	if w.CacheBuster == "" {
		return id
	}
	return id + "\n" + w.CacheBuster
}

// variantOf is a name for what is fetched with the passed headers of the request.
func (w Request) variantOf(name string) string {
	if v := w.Passed.Variant().String(); v != "" {
		return v + "\n" + name
	}
	return name
}

// Acquire gives the source, valid by the rules of HTTP and of purges. It waits until ctx
// ends, whose cause is then the error. The caller releases the source.
func (t *Store) Acquire(ctx context.Context, w Request) (*Source, error) {
	for {
		n := t.findNegative(w)
		if n.err != nil {
			t.updateStats(func(s *Stats) { s.Remembered++ })
			return nil, n.asError()
		}
		// A fetch under way may have begun before a purge that this server has not heard of.
		alone := n.exclusive || t.cfg.Clock.DoubtNow() == purge.Revalidate
		src, err := t.acquireOnce(ctx, w, alone)
		if !errors.Is(err, flight.ErrRetryLookup) {
			return src, err
		}
	}
}

// acquireOnce is one attempt of Acquire. It gives flight.ErrRetryLookup where another one
// may find something better.
func (t *Store) acquireOnce(ctx context.Context, w Request, exclusive bool) (*Source, error) {
	joinedInFlight := false
	key, w := t.flightOf(w)
	f, leader, err := t.flights.Join(key, &resolution{store: t, request: w}, flight.Caller[string, *Source]{
		Bypass: exclusive,
		Share: func(f *sourceFlight, done bool) bool {
			joinedInFlight = !done
			if joinedInFlight {
				return f.Seq >= max(w.MinFetched, w.MinValidated)
			}
			return f.Value.fresh(w)
		},
		// A negative entry is there before its flight leaves the table, so that this
		// look, with the lock held, misses none.
		MayStart: func() error {
			if t.findNegative(w).err != nil {
				return flight.ErrRetryLookup
			}
			return nil
		},
	})
	switch {
	case errors.Is(err, flight.ErrClosed):
		return nil, context.Canceled
	case err != nil:
		return nil, err
	case !leader:
		t.updateStats(func(s *Stats) { s.Shared++ })
	}
	start := time.Now()
	select {
	case <-f.Done():
	case <-ctx.Done():
		f.Leave()
		return nil, context.Cause(ctx)
	}
	src := f.Value
	w.Queue.Spend(min(src.waited, time.Since(start)))
	_, err = f.Outcome(leader)
	switch {
	case !leader && w.Hops.Elsewhere(err):
		err = flight.ErrRetryLookup
	case err != nil:
	// A source that was being fetched when the caller came is as new as if it had
	// been fetched for it, however short its lifetime is (RFC 9111 §4).
	case leader:
		return src, nil
	case joinedInFlight && src.survivesPurges(w), src.fresh(w):
		src.shareAgain()
		return src, nil
	default:
		err = flight.ErrRetryLookup
	}
	f.Leave()
	return nil, err
}

// flightOf is the key of the flight that a request shares or starts, and what the flight is to do. A request for
// the header alone takes part in a flight of the whole source, if there is one.
func (t *Store) flightOf(w Request) (string, Request) {
	if whole, _ := t.flights.Lookup(w.ID()); whole != nil {
		w.Needs = Whole // the flight that follows may be shared by requests for all of it
	}
	return partFlight(w.ID(), w.Needs), w
}

// errorIsLeaderOnly says whether an error need not be one for the followers: the leader had
// less time than they have left, the origin refuses the leader's URL alone, or the leader
// was background work that yielded.
func errorIsLeaderOnly(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || IsURLScoped(err) ||
		errors.Is(err, budget.ErrYielded)
}
