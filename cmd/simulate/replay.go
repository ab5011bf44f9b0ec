package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// config is what is simulated.
type config struct {
	traceConfig
	sizes
	serverConfig
	// Warm is the part of the trace that is replayed before anything is counted.
	Warm float64
	// Scale is how many requests of a site each of the trace stands for: as many times as many are under way at once.
	Scale float64
	ringConfig
	// Admit is how often a result is asked for until a bucket takes it.
	Admit int
}

// How long answers take.
const (
	hitTime  = 3 * time.Millisecond
	fillTime = 90 * time.Millisecond
)

// figures are those of one replay, of what came after the warming.
type figures struct {
	Servers   int
	Balancing balancing
	// Requests were answered from the RAM tier, from disk, or by a fill that made a result (Transforms) or found an old
	// one to be right (Renewed).
	Requests, RAMHits, DiskHits, Renewed, Transforms int
	RAMBytes, DiskBytes, MadeBytes                   int64
	origin
	// Busiest is the share of the busiest server, 1 being the mean.
	Busiest float64
	Bucket  bucketFigures
}

func (f figures) hitRatio() float64 {
	return float64(f.RAMHits+f.DiskHits) / float64(max(f.Requests, 1))
}

// replay is one run of a trace.
type replay struct {
	config
	servers  []*server
	balancer *balancer
	bucket   *bucket
	now      atomic.Int64
	figures  figures
}

// replayTrace gives the events of a trace to a number of servers, one after the other.
func replayTrace(c config, events []event, kind balancing, servers int, dir string) (f figures, err error) {
	r := &replay{config: c, bucket: newBucket(c.Admit)}
	r.balancer = newBalancer(kind, servers, c.ringConfig, c.traceConfig.Seed)
	defer func() {
		for _, s := range r.servers {
			err = errors.Join(err, s.close())
		}
	}()
	for i := range servers {
		s, err := openServer(c.serverConfig, filepath.Join(dir, fmt.Sprint(i)), &r.now)
		if err != nil {
			return f, err
		}
		r.servers = append(r.servers, s)
	}
	warm := time.Duration(c.Warm * float64(c.Length))
	counting := false
	for _, e := range events {
		if !counting && e.at >= warm {
			r.beginCounting()
			counting = true
		}
		r.now.Store(traceStart + int64(e.at))
		if err := r.replayEvent(e); err != nil {
			return f, err
		}
	}
	r.figures.Servers, r.figures.Balancing = servers, kind
	for _, s := range r.servers {
		r.figures.Busiest = max(r.figures.Busiest, float64(s.requests*servers)/float64(max(r.figures.Requests, 1)))
	}
	return r.figures, nil
}

// traceStart is a time at which a trace begins, in Unix nanoseconds.
const traceStart = 1_700_000_000_000_000_000

func (r *replay) beginCounting() {
	r.figures = figures{}
	for _, s := range r.servers {
		s.requests = 0
	}
}

func (r *replay) replayEvent(e event) error {
	if e.purge {
		r.bucket.purge(e.image)
		for _, s := range r.servers {
			if err := s.purgeSource(e.image); err != nil {
				return err
			}
		}
		return nil
	}
	r.balancer.endUntil(e.at)
	at := r.balancer.pickServer(e.image)
	took, err := r.answer(r.servers[at], e)
	r.balancer.begin(at, e.at+time.Duration(float64(took)*r.Scale))
	return err
}

// answer has a server answer a request, counts what that took, and says for how long it was under way.
func (r *replay) answer(s *server, e event) (time.Duration, error) {
	f := &r.figures
	which := result{e.image, e.variant}
	bytes := r.sizes.result(e.image, e.variant, r.Variants)
	size := r.sizes.source(e.image)
	s.requests++
	s.asked[which]++
	f.Requests++
	outcome, inFile, err := s.get(request{
		result: which, bytes: bytes,
		made: func() {
			f.origin.acquire(s.sources, e.image, size, e.at, r.TTL)
			f.Transforms++
			f.MadeBytes += int64(bytes)
			r.fillByBucket(s, which, bytes, size, e.at)
		},
		renewed: func() {
			f.origin.acquire(s.sources, e.image, size, e.at, r.TTL)
			f.Bucket.acquire(s.withBucket, e.image, size, e.at, r.TTL)
		},
	})
	took := fillTime
	switch {
	case err != nil:
	case outcome == cache.Hit || outcome == cache.Stale:
		took = hitTime
		if inFile {
			f.DiskHits++
			f.DiskBytes += int64(bytes)
		} else {
			f.RAMHits++
			f.RAMBytes += int64(bytes)
		}
	case outcome == cache.Expired:
		f.Renewed++
	}
	if r.bucket.offer(which, s.asked[which]) {
		f.Bucket.Writes++
	}
	return took, err
}

// fillByBucket counts what a local miss would take with a bucket.
func (r *replay) fillByBucket(s *server, which result, bytes int, size int64, at time.Duration) {
	f := &r.figures.Bucket
	if r.bucket.has(which) {
		f.Reads++
		f.ReadBytes += int64(bytes)
		return
	}
	f.acquire(s.withBucket, which.image, size, at, r.TTL)
	f.Transforms++
}
