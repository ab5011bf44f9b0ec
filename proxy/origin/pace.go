package origin

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"sync"
	"time"
)

// rateGrace is how long after the start of a body its rate does not count.
const rateGrace = 2 * time.Second

// paceClock ends a fetch that takes too long, whose response does not begin in time, or
// whose body comes too slowly. The clock is paused while the fetch waits for a
// connection or for memory: neither is the origin's time. It has a timer and no
// goroutine.
type paceClock struct {
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

// newPaceClock makes a clock, and a context that the clock ends with ErrTimeout. The
// caller must call stop.
func newPaceClock(ctx context.Context, cfg Config) (context.Context, *paceClock) {
	ctx, cancel := context.WithCancelCause(ctx)
	now := time.Now()
	p := &paceClock{
		cancel: cancel, timeout: cfg.Timeout, firstByte: cfg.FirstByte, minRate: cfg.MinRate,
		start: now, stopped: now,
	}
	p.timer = time.AfterFunc(p.timeout, p.checkDeadline)
	p.timer.Stop()
	// A redirect takes another connection, and so does a request that met a
	// connection as it was closed.
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { p.pause() },
		GotConn: func(httptrace.GotConnInfo) { p.requestSent() },
	}), p
}

// requestSent starts the clock for the header of the response: the request has got its
// connection.
func (p *paceClock) requestSent() {
	p.mu.Lock()
	p.asked = time.Now()
	p.mu.Unlock()
	p.resume()
}

// responseBegan ends the wait for the header of the response.
func (p *paceClock) responseBegan() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Time{}
}

func (p *paceClock) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped.IsZero() {
		p.timer.Stop()
		p.stopped = time.Now()
	}
}

func (p *paceClock) resume() {
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
	p.armTimer()
}

// bodyBegan starts to measure the rate of the body.
func (p *paceClock) bodyBegan() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = time.Now()
	p.armTimer()
}

// addBytes counts bytes of the body. They only move the deadline away, so the timer
// stays as it is, and finds the new deadline when it fires.
func (p *paceClock) addBytes(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read += int64(n)
}

// pauseWhile stops the clock while f runs.
func (p *paceClock) pauseWhile(f func() error) error {
	p.pause()
	defer p.resume()
	return f()
}

// stop ends the clock and its context.
func (p *paceClock) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.timer.Stop()
	p.cancel(nil)
}

// checkDeadline is called by the timer: it ends the fetch, or sets the timer again.
func (p *paceClock) checkDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || !p.stopped.IsZero() {
		return
	}
	if end, why := p.deadline(); time.Now().Before(end) {
		p.armTimer()
	} else {
		p.cancel(why)
	}
}

func (p *paceClock) armTimer() {
	end, _ := p.deadline()
	p.timer.Reset(time.Until(end))
}

// deadline gives the time at which the fetch ends if no more bytes come, and the error
// that it ends with.
func (p *paceClock) deadline() (time.Time, error) {
	end, why := p.start.Add(p.timeout), fmt.Errorf("%w: the source took longer than %v", ErrTimeout, p.timeout)
	if first := p.asked.Add(p.firstByte); !p.asked.IsZero() && first.Before(end) {
		return first, fmt.Errorf("%w: the origin sent no response within %v", ErrTimeout, p.firstByte)
	}
	if p.body.IsZero() || p.minRate <= 0 {
		return end, why
	}
	// Beyond the timeout it makes no difference, and so it cannot overflow.
	good := min(float64(p.read)/float64(p.minRate), p.timeout.Seconds())
	if slow := p.body.Add(max(rateGrace, time.Duration(good*float64(time.Second)))); slow.Before(end) {
		return slow, fmt.Errorf("%w: the source sends less than %d bytes per second", ErrTimeout, p.minRate)
	}
	return end, why
}
