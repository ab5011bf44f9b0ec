package origin

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"sync"
	"time"
)

// grace is how long a body may take to get going before its rate counts.
const grace = 2 * time.Second

// pace ends a fetch that takes too long, whose response does not begin, or whose
// body trickles. Its clock stands still while the fetch waits for a connection,
// and while it is held: neither is the origin's time. It has a timer and no
// goroutine.
type pace struct {
	cancel    context.CancelCauseFunc
	timeout   time.Duration
	firstByte time.Duration
	minRate   int64 // bytes a second; not above 0 means none

	mu      sync.Mutex
	timer   *time.Timer
	stopped time.Time // zero while the clock runs
	over    bool
	start   time.Time // moved on by the time that the clock stood still, like body
	asked   time.Time // zero while no request waits for its response
	body    time.Time // zero until the body begins
	read    int64
}

// newPace makes a context that ends with ErrTimeout, and the pace that ends
// it. stop must be called.
func newPace(ctx context.Context, cfg Config) (context.Context, *pace) {
	ctx, cancel := context.WithCancelCause(ctx)
	now := time.Now()
	p := &pace{cancel: cancel, timeout: cfg.Timeout, firstByte: cfg.FirstByte, minRate: cfg.MinRate, start: now, stopped: now}
	p.timer = time.AfterFunc(p.timeout, p.look)
	p.timer.Stop()
	// A redirect takes another connection, and so does a request that met a
	// connection as it was closed.
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { p.pause() },
		GotConn: func(httptrace.GotConnInfo) { p.ask() },
	}), p
}

// ask is a request that has got its connection.
func (p *pace) ask() {
	p.mu.Lock()
	p.asked = time.Now()
	p.mu.Unlock()
	p.resume()
}

// answered is a response that has begun.
func (p *pace) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Time{}
}

func (p *pace) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped.IsZero() {
		p.timer.Stop()
		p.stopped = time.Now()
	}
}

func (p *pace) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.stopped.IsZero() {
		return
	}
	still := time.Since(p.stopped)
	p.stopped = time.Time{}
	p.start = p.start.Add(still)
	if !p.body.IsZero() {
		p.body = p.body.Add(still)
	}
	p.arm()
}

// begin starts to count the rate.
func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = time.Now()
	p.arm()
}

// advance counts bytes that came. They only ever move the end away, so the
// timer is left to find out.
func (p *pace) advance(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read += int64(n)
}

// hold stops the clock while f runs.
func (p *pace) hold(f func() error) error {
	p.pause()
	defer p.resume()
	return f()
}

// stop ends the counting and lets go of what it holds.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.timer.Stop()
	p.cancel(nil)
}

// look is what the timer calls.
func (p *pace) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || !p.stopped.IsZero() {
		return
	}
	if end, why := p.end(); time.Now().Before(end) {
		p.arm()
	} else {
		p.cancel(why)
	}
}

func (p *pace) arm() {
	end, _ := p.end()
	p.timer.Reset(time.Until(end))
}

// end is when the fetch is over if no more bytes come, and why.
func (p *pace) end() (time.Time, error) {
	end, why := p.start.Add(p.timeout), fmt.Errorf("%w: the source took longer than %v", ErrTimeout, p.timeout)
	if first := p.asked.Add(p.firstByte); !p.asked.IsZero() && first.Before(end) {
		return first, fmt.Errorf("%w: the origin sent no response within %v", ErrTimeout, p.firstByte)
	}
	if p.body.IsZero() || p.minRate <= 0 {
		return end, why
	}
	// Beyond the timeout it makes no difference, and so it cannot overflow.
	good := min(float64(p.read)/float64(p.minRate), p.timeout.Seconds())
	if slow := p.body.Add(max(grace, time.Duration(good*float64(time.Second)))); slow.Before(end) {
		return slow, fmt.Errorf("%w: the source sends less than %d bytes per second", ErrTimeout, p.minRate)
	}
	return end, why
}
