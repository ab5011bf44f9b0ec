package proxy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// warmRun warms what one request names.
type warmRun struct {
	server *Server
	ask    WarmRequest
	// request is the id of the request, for the log.
	request string
	// stop ends the context of all its work.
	stop context.CancelCauseFunc
	// working counts the images that are under way.
	working atomic.Int64
}

// Failures that only background work has. Clients get an image all the same.
var (
	errNotStorable = errors.New("the origin does not let this image be stored")
	errNotKept     = errors.New("the image was made, and no cache has room for it")
	errStillStale  = errors.New("an older image is served, as a new one could not be made in time")
)

// warmFailures are the codes of these failures.
var warmFailures = map[error]string{errNotStorable: "no-store", errNotKept: "not-kept", errStillStale: "stale"}

// start warms all URLs, up to n at once, until ctx ends. The caller reads all steps.
func (run *warmRun) start(ctx context.Context, n int) <-chan warmStep {
	type target struct {
		url string
		err error
	}
	targets, steps := make(chan target), make(chan warmStep)
	var warming sync.WaitGroup
	warming.Go(func() {
		defer close(targets)
		for url, err := range run.server.warmURLs(run.ask) {
			select {
			case targets <- target{url, err}:
			case <-ctx.Done():
				return
			}
		}
	})
	for range n {
		warming.Go(func() {
			for t := range targets {
				run.warmURL(ctx, t.url, t.err, steps)
			}
		})
	}
	go func() {
		warming.Wait()
		close(steps)
	}()
	return steps
}

// warmURL warms the results of a URL, one after the other. err is what is known to be wrong
// with it. What is not done when ctx ends has no step.
func (run *warmRun) warmURL(ctx context.Context, url string, err error, steps chan<- warmStep) {
	variants := []warmVariant{{}}
	if err == nil {
		variants, err = run.variantsOf(url)
	}
	if err != nil {
		steps <- warmStep{run.judge(WarmLine{URL: url}, signedurl.Request{}, err), true}
		return
	}
	for i, v := range variants {
		line, err := run.warmImage(ctx, v)
		if errors.Is(err, errWarmingStops) {
			run.stop(err)
		}
		if err != nil && ctx.Err() != nil {
			return
		}
		line.URL, line.Accept = url, v.accept
		steps <- warmStep{run.judge(line, v.req, err), i == len(variants)-1}
	}
}

// variantsOf reads a URL as a client's request is read. A panic is its error, as it would
// end but the request of a client.
func (run *warmRun) variantsOf(url string) (variants []warmVariant, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v\n%s", p, debug.Stack())
		}
	}()
	req, err := run.server.readRequest(url)
	if err != nil {
		return nil, err
	}
	m, _ := run.server.mountOf(url)
	variants = run.server.warmVariants(m, req, run.ask.Accept)
	for i := range variants {
		variants[i].concealed = hidesSource(url, req)
	}
	return variants, nil
}

// judge completes a line by how its image ended, and counts and logs that. req is what its URL asks for, empty where
// it could not be read.
func (run *warmRun) judge(line WarmLine, req signedurl.Request, err error) WarmLine {
	s := run.server
	if err != nil {
		f := backgroundFailureOf(err)
		line.Status = StatusFailed
		line.Code, line.Error = f.code, f.text
		s.logSampled("image not warmed", "not warmed: "+f.code, f, run.request, func() []any {
			attrs := []any{"target", clipText(s.loggedUnread(signedurl.PathOf(line.URL)))}
			return append(attrs, s.loggedCause(f, err, req.Source, hidesSource(line.URL, req))...)
		})
	}
	s.warmer.results.WithLabelValues(string(line.Status)).Inc()
	return line
}

// backgroundFailureOf is failureOf with the failures that only background work has.
func backgroundFailureOf(err error) failure {
	for target, code := range warmFailures {
		if errors.Is(err, target) {
			return failure{code: code, text: asSentence(err.Error()), target: target}
		}
	}
	return failureOf(err)
}

// warmImage warms one result. Where requests of clients come first it waits, and begins
// anew.
func (run *warmRun) warmImage(ctx context.Context, v warmVariant) (line WarmLine, err error) {
	s := run.server
	for try := 1; ; try++ {
		end, err := s.warmer.beginImage(ctx)
		if err != nil {
			return line, err
		}
		run.working.Add(1)
		start := time.Now()
		line, err = s.fillEntry(ctx, v.cacheRequest)
		line.Milliseconds = time.Since(start).Milliseconds()
		run.working.Add(-1)
		end()
		yielded := errors.Is(err, budget.ErrYielded) || errors.Is(err, budget.ErrSaturated)
		if !yielded || try == warmTries {
			return line, err
		}
		pauseUntil(ctx, warmPoll<<min(try, 5))
	}
}

// fillEntry has the cache make an entry, and looks whether it has it then.
func (s *Server) fillEntry(ctx context.Context, a cacheRequest) (line WarmLine, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.inForce.Load().RequestTimeout)
	defer cancel()
	defer s.memory.Responses.RegisterRequest(a.key)() // its bytes count until they are let go of here
	e, outcome, err := s.freshEntry(ctx, a)
	if err != nil {
		return line, err
	}
	e = s.cfg.Cache.Stored(ctx, e)
	defer e.Close()
	line.Bytes = e.Size()
	switch {
	case outcome == cache.StaleError:
		return line, errStillStale
	case e.NoStore:
		return line, errNotStorable
	case !e.InFile() && !e.Held():
		return line, errNotKept
	}
	line.Status = StatusWarmed
	if outcome == cache.Hit {
		line.Status = StatusAlready
	}
	return line, nil
}

// freshEntry gets an entry. Where it is stale and being made anew, it waits for the new one.
func (s *Server) freshEntry(ctx context.Context, a cacheRequest) (*cache.Entry, cache.Outcome, error) {
	fill := func(ctx context.Context, commit func() error, old *cache.Entry) (*cache.Entry, error) {
		return s.fillOrShare(ctx, commit, old, a)
	}
	wasStale := false
	for {
		e, outcome, err := s.cfg.Cache.Get(ctx, a.key, fill)
		switch {
		case outcome == cache.Collapsed && a.hops.Elsewhere(err):
			continue
		case err != nil && wasStale && ctx.Err() != nil:
			return nil, outcome, errStillStale
		case err != nil:
			return nil, outcome, err
		case outcome == cache.Hit && wasStale:
			return e, cache.Miss, nil // of the fill that was waited for
		case outcome != cache.Stale:
			return e, outcome, nil
		}
		wasStale = true
		e.Close()
		pauseUntil(ctx, warmPoll)
	}
}
