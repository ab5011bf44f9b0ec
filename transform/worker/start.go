package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// errStart: a worker ended before it was ready. No image is at fault: it has not
// seen one yet.
var errStart = fmt.Errorf("%w: worker failed to start (the log has what it wrote to stderr)", transform.ErrNoWorker)

// errSlow: a worker was not ready when the time of the job was over.
var errSlow = fmt.Errorf("%w: worker was not ready in time", transform.ErrNoWorker)

const (
	// firstPause and lastPause are for how long no worker is started after pausedAfter
	// failures, and after many.
	firstPause, lastPause = 100 * time.Millisecond, 10 * time.Second
	// pausedAfter is after how many failures one after the other the next start waits.
	pausedAfter = 2
	// unreadyAfter is after how many failures one after the other the pool says so.
	unreadyAfter = 3
	// fairTime is what a start must have been given before it counts as failed for
	// being slow: the job that waited may have had no more.
	fairTime = 5 * time.Second
	// startTime is how long a worker may take to start where no job waits for it.
	startTime = 30 * time.Second
)

// starts is what the pool remembers of workers that did not start. Without it
// each request would start a process only to see it end.
type starts struct {
	failed int       // one after the other
	until  time.Time // when the next may start
	err    error     // of the last one
	again  *time.Timer
}

// newWorker starts a worker, unless too many have just failed to start.
func (p *Pool) newWorker(ctx context.Context) (*process, error) {
	p.mu.Lock()
	err, early := p.starts.err, time.Now().Before(p.starts.until)
	p.mu.Unlock()
	if early {
		return nil, err
	}
	began := time.Now()
	w, err := p.startWorker(ctx)
	if errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) {
		return nil, err // nothing is known of the worker
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, errSlow) && time.Since(began) < fairTime {
		p.tryLaterLocked(firstPause)
		return nil, err
	}
	p.noteLocked(err)
	return w, err
}

// noteLocked counts a start. Several that fail together are one failure. The
// pool tries again by itself, as a server that is not ready gets no requests.
func (p *Pool) noteLocked(err error) {
	s := &p.starts
	switch {
	case err == nil:
		s.failed, s.err = 0, nil
		s.until = time.Time{}
		return
	case time.Now().Before(s.until):
		return
	}
	s.failed++
	s.err = err
	if s.failed < pausedAfter {
		return
	}
	pause := min(firstPause<<min(s.failed-pausedAfter, 10), lastPause)
	s.until = time.Now().Add(pause)
	p.log.Error("worker failed to start again", "err", err, "failures", s.failed, "next", pause)
	p.tryLaterLocked(pause)
}

// tryLaterLocked starts a worker after a pause, unless that is to be done anyway.
func (p *Pool) tryLaterLocked(pause time.Duration) {
	if p.starts.again == nil && !p.closed {
		p.starts.again = time.AfterFunc(pause, p.tryStart)
	}
}

// tryStart starts a worker that no job waits for. While workers fail to start there is
// always a next try: this one may be too early, as a job has just failed to start one,
// and find no slot, as jobs that will fail hold them all.
func (p *Pool) tryStart() {
	p.mu.Lock()
	p.starts.again = nil
	p.mu.Unlock()
	p.startIdle()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.starts.failed >= pausedAfter {
		p.tryLaterLocked(max(time.Until(p.starts.until), firstPause))
	}
}

// startIdle starts a worker that becomes idle, where a slot is free.
func (p *Pool) startIdle() {
	select {
	case <-p.slots:
	default:
		return
	}
	defer p.releaseSlot()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if w, err := p.newWorker(ctx); err == nil {
		p.keepOrRetire(w)
	}
}

// Unready is an error while no worker starts.
func (p *Pool) Unready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.starts.failed < unreadyAfter {
		return nil
	}
	return p.starts.err
}

// startWorker starts a worker and waits until it is ready.
func (p *Pool) startWorker(ctx context.Context) (*process, error) {
	w, err := p.launcher.start()
	if err != nil {
		if p.isClosed() {
			return nil, ErrClosed
		}
		return nil, fmt.Errorf("%w: %v", transform.ErrNoWorker, err)
	}
	p.mu.Lock()
	p.all[w] = struct{}{}
	p.stats.Started++
	closed := p.closed
	p.mu.Unlock()
	if closed {
		p.endWorker(w)
		return nil, ErrClosed
	}
	if err := w.waitReady(ctx); err != nil {
		if p.endWorker(w) {
			return nil, ErrClosed
		}
		if errors.Is(err, transform.ErrCrashed) {
			return nil, fmt.Errorf("%w: %v", errStart, err)
		}
		if errors.Is(err, transform.ErrTimeout) {
			return nil, errSlow
		}
		return nil, err
	}
	p.mu.Lock()
	w.spare = p.spare
	p.mu.Unlock()
	return w, nil
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// runOnLiveWorker runs f on a worker that begins. Idle ones may have been stopped, all of
// them: each is killed, until one begins or there is a new one.
func (p *Pool) runOnLiveWorker(ctx context.Context, f func(*process) error) error {
	err := errStalled
	for tries := 0; errors.Is(err, errStalled) && tries <= p.cfg.Size && ctx.Err() == nil; tries++ {
		if tries > 0 {
			p.log.Warn("worker killed because it did not begin: another one takes the job")
		}
		err = p.runOnWorker(ctx, f)
	}
	return err
}
