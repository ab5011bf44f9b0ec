package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/negative"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

const (
	// mostDeferred bounds the results that wait to be made in the background, and mostDeferredBytes what their texts
	// take together.
	mostDeferred      = 256
	mostDeferredBytes = 512 << 10
	// deferralWait is how long a result waits for idle workers before it is given up. The next request for it has it
	// wait again.
	deferralWait = 5 * time.Minute
	// deferralRetry is how long after a failure a result is not tried again. Until then what is served in its place has
	// the lifetime that it has otherwise.
	deferralRetry = 10 * time.Minute
	// mostFailedDeferrals bounds the failures that are remembered, at some 200 bytes each.
	mostFailedDeferrals = 1024
)

// How a deferral ends. The first two are those of warming.
const (
	deferralMade     = "made"
	deferralAlready  = "already"
	deferralFull     = "full"
	deferralWaited   = "waited"
	deferralYielded  = "yielded"
	deferralPurged   = "purged"
	deferralFailed   = "failed"
	deferralShutdown = "shutdown"
)

// deferrals are results that are made when workers are idle: background work, as warming is, with the same place
// behind all requests. Each result waits once, however many requests there are for it.
type deferrals struct {
	deferringServer
	// ctx ends with stop.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	// failed has the results that could not be made.
	failed *negative.Table[cache.Key, struct{}]
	// results counts deferrals by how they ended.
	results *prometheus.CounterVec

	mu sync.Mutex
	// pending has those that wait, and those that are being made. waiting is the queue, and bytes what their texts
	// take.
	pending map[cache.Key]*deferral
	waiting []*deferral
	bytes   int
	// makers is how many goroutines make results. They end where nothing waits.
	makers  int
	stopped bool
}

// deferringServer is what deferrals need of the server.
type deferringServer struct {
	clock *purge.Clock
	now   func() time.Time
	// maxAge is for how long other caches may keep what is served in place of a result, in seconds.
	maxAge int64
	// begin waits until the server has nothing else to do, and most is how many results may be made at once.
	begin func(context.Context) (end func(), err error)
	most  func() int
	// fill makes a result; already says that it was there.
	fill func(context.Context, cacheRequest) (already bool, err error)
	// logFailure is told of a result that could not be made.
	logFailure func(cacheRequest, error)
}

// deferral is a result to be made in the background.
type deferral struct {
	cacheRequest
	// scope is what a purge may name it by, and since the sequence of purges when it was last asked for.
	scope purge.Scope
	since atomic.Uint64
	bytes int
	// until is when it has waited for long enough.
	until time.Time
}

func newDeferrals(s deferringServer) (*deferrals, error) {
	d := &deferrals{deferringServer: s, pending: map[cache.Key]*deferral{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.results = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pictor_deferred_total",
		Help: "Deferred results, by how they ended: made, already (they were fresh), failed, or not made because of " +
			"full (queue), waited (too long for idle workers), yielded (to requests, each time), purged, shutdown.",
	}, []string{"result"})
	var err error
	d.failed, err = negative.New[cache.Key, struct{}](mostFailedDeferrals, s.now)
	return d, err
}

// gauge is the metric of those that wait.
func (d *deferrals) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pictor_deferred_pending", Help: "Deferred results that wait for idle workers, or are being made.",
	}, func() float64 { return float64(d.pendingCount()) })
}

// pendingCount is how many wait or are being made.
func (d *deferrals) pendingCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pending)
}

// add has the result of a request made in the background, unless it waits for that already, and says what the response
// is until then. e is the entry that is served in its place. What may not be kept is not made.
func (d *deferrals) add(a cacheRequest, e *cache.Entry) deferralNote {
	if e.NoStore {
		return deferralNote{}
	}
	note := deferralNote{what: a.quick.what}
	applied := d.clock.Applied()
	_, note.failed = d.failed.Get(a.key, func(o negative.Outcome[struct{}]) bool { return o.Seq == applied })
	if note.failed {
		return note
	}
	note.maxAge = d.maxAge
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.pending[a.key]; p != nil {
		p.since.Store(applied)
		return note
	}
	p := newDeferral(a, e, d.now().Add(deferralWait))
	p.since.Store(applied)
	switch {
	case d.stopped:
		return note
	case len(d.pending) >= mostDeferred || d.bytes+p.bytes > mostDeferredBytes:
		d.results.WithLabelValues(deferralFull).Inc()
		return note
	}
	d.pending[a.key] = p
	d.waiting = append(d.waiting, p)
	d.bytes += p.bytes
	if d.makers < d.most() {
		d.makers++
		d.running.Go(d.makeAll)
	}
	return note
}

func newDeferral(a cacheRequest, e *cache.Entry, until time.Time) *deferral {
	p := &deferral{cacheRequest: a.inBackground(), until: until}
	p.scope = a.purgeScope()
	p.scope.Tags = append(p.scope.Tags, e.Tags...)
	p.bytes = len(a.key) + 2*len(a.req.Source)
	for _, tag := range p.scope.Tags {
		p.bytes += len(tag)
	}
	return p
}

// next takes the deferral that has waited for longest; nil where none waits, and then the caller ends.
func (d *deferrals) next() *deferral {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		d.makers--
		return nil
	}
	p := d.waiting[0]
	d.waiting[0] = nil
	d.waiting = d.waiting[1:]
	return p
}

// makeAll makes results one after the other, as long as some wait.
func (d *deferrals) makeAll() {
	for p := d.next(); p != nil; p = d.next() {
		result := d.make(p)
		d.mu.Lock()
		delete(d.pending, p.key)
		d.bytes -= p.bytes
		d.mu.Unlock()
		d.results.WithLabelValues(result).Inc()
	}
}

// make makes a result once the server has nothing else to do, and says how that ended.
func (d *deferrals) make(p *deferral) string {
	ctx, cancel := context.WithTimeoutCause(d.ctx, p.until.Sub(d.now()), errWaitedForIdle)
	defer cancel()
	for try := 1; ; try++ {
		end, err := d.begin(ctx)
		if err != nil {
			return d.judge(p, err)
		}
		if d.isPurged(p) {
			end()
			return deferralPurged
		}
		already, err := d.fill(ctx, p.cacheRequest)
		end()
		yielded := errors.Is(err, budget.ErrYielded) || errors.Is(err, budget.ErrSaturated)
		switch {
		case err == nil && already:
			return deferralAlready
		case err == nil:
			return deferralMade
		case yielded && try < warmTries:
			pauseUntil(ctx, warmPoll<<min(try, 5))
		case yielded:
			return deferralYielded
		default:
			return d.judge(p, err)
		}
	}
}

// errWaitedForIdle is the cause of the end of a deferral that has waited for too long.
var errWaitedForIdle = errors.New("no worker was idle for a long time")

// judge says how a deferral ended that was not made, and remembers a failure that another try would meet again.
func (d *deferrals) judge(p *deferral, err error) string {
	switch {
	case d.ctx.Err() != nil, errors.Is(err, errWarmingStops), errors.Is(err, cache.ErrClosed):
		return deferralShutdown
	case errors.Is(err, errWaitedForIdle):
		return deferralWaited
	}
	now, applied := d.now(), d.clock.Applied()
	d.failed.Put(p.key, negative.Outcome[struct{}]{Until: now.Add(deferralRetry), Seq: applied})
	d.logFailure(p.cacheRequest, err)
	return deferralFailed
}

// isPurged says whether a purge has named a deferral since it was last asked for.
func (d *deferrals) isPurged(p *deferral) bool {
	since := p.since.Load()
	hard, soft := d.clock.Since(since, p.scope)
	return max(hard, soft) > since
}

// stop ends all deferrals, and has none begin any more. Those that wait are dropped. One that a worker makes is made to
// the end, as the cache says.
func (d *deferrals) stop() {
	d.mu.Lock()
	d.stopped = true
	d.mu.Unlock()
	d.cancel()
}

// wait waits, after stop, until the goroutines have ended, or ctx has.
func (d *deferrals) wait(ctx context.Context) { waitUntil(ctx, &d.running) }
