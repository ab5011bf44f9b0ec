package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// Pool is a set of worker processes, started on demand and used again. It
// implements transform.Transformer: the bodies it delivers are fresh memory
// and the receiver's to keep.
type Pool struct {
	cfg      Config
	log      *slog.Logger
	stderr   *stderrLog
	launcher *launcher
	// slots has a token for each worker that may yet be busy.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*process // the last one used is the first one taken: its pages are warm
	all    map[*process]struct{}
	sweep  *time.Timer // runs reapIdle while more than one is idle
	closed bool
	stats  transform.PoolStats
	starts starts
	spare  int64 // see SetSpare
	usage  usage
}

// ErrClosed: the pool was closed.
var ErrClosed = errors.New("worker pool is closed")

// New makes a Pool. No worker is started before there is work.
func New(cfg Config) (*Pool, error) {
	if len(cfg.Command) == 0 {
		return nil, errors.New("no program of workers")
	}
	if cfg.Env == nil {
		cfg.Env = DefaultEnv
	}
	cfg.Size = max(cfg.Size, 1)
	if cfg.IdleTime <= 0 {
		cfg.IdleTime = 10 * time.Second
	}
	if cfg.MaxJobs <= 0 {
		cfg.MaxJobs = 1000
	}
	if cfg.Retain <= 0 {
		cfg.Retain = 32 << 20
	}
	p := &Pool{cfg: cfg, log: cfg.Log, slots: make(chan struct{}, cfg.Size), all: map[*process]struct{}{}}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if err := p.prepareSandbox(); err != nil {
		return nil, err
	}
	var err error
	if p.launcher, err = newLauncher(p.cfg, p.stderr); err != nil {
		return nil, err
	}
	p.launcher.reaped = p.usage.addEnded
	for range cfg.Size {
		p.slots <- struct{}{}
	}
	return p, nil
}

// Transform implements transform.Transformer. A job of one output whose worker
// dies by itself is done once more on a new worker, if ctx allows, and one that
// takes more than its estimate beside spare memory once more without that. Of several
// outputs one may be the cause: those still missing are the caller's to ask for
// one by one. A job whose worker was ended for the deadline is ErrTimeout.
func (p *Pool) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	r := newAssignment(job, deliver)
	return p.runWithRetry(ctx, job.Memory,
		func(w *process, withoutSpare bool) error {
			defer p.reportMemory(w, job.Memory)
			most := r.most
			most.withoutSpare = withoutSpare
			return w.runRequest(ctx, r.jobRequest(), r.sourceFiles(), most, r.handleResponse)
		},
		func() bool { return len(r.missing) == 0 }, len(job.Outputs) == 1)
}

// FindTrim implements transform.Transformer. What a worker says it saw is checked
// to lie in the picture.
func (p *Pool) FindTrim(ctx context.Context, job transform.Job) (content transform.Rect, err error) {
	seen := false
	whole := transform.Params{} // nothing is encoded
	most := bounds{memory: job.Memory, cpu: job.CPU,
		untouched: transform.MappedOnly(job.Info, transform.NewGeometry(job.Info, whole), whole)}
	used := job.Info.Used(job.Outputs[0])
	req := request{Kind: kindLook, Info: job.Info, Outputs: job.Outputs}
	err = p.runWithRetry(ctx, job.Memory, func(w *process, withoutSpare bool) error {
		most.withoutSpare = withoutSpare
		return w.runRequest(ctx, req, []*os.File{job.Source.File()}, most, func(resp response, _ []byte) (bool, error) {
			switch {
			case resp.Kind == kindFailed:
				return true, newFailure(resp)
			case resp.Kind != kindLooked || resp.Content == nil || !resp.Content.In(used.Width, used.Height):
				return true, fmt.Errorf("%w: unexpected response %q to a look", errDied, clipText(string(resp.Kind)))
			}
			content, seen = *resp.Content, true
			return true, nil
		})
	}, func() bool { return seen }, true)
	return content, err
}

// runWithRetry has f done by a worker, and once more by another where the first one dies by itself before all is
// done, if that may be tried again. So it is, without spare memory, where it took more than the memory of its
// estimate beside that: large blocks fit badly into the gaps of a heap.
func (p *Pool) runWithRetry(ctx context.Context, memory int64, f func(w *process, withoutSpare bool) error,
	done func() bool, again bool) error {
	if err := p.acquireSlot(ctx); err != nil {
		return err
	}
	defer p.releaseSlot()
	p.updateStats(func(s *transform.PoolStats) { s.Jobs++ })
	besideSpare := false
	err := p.runOnLiveWorker(ctx, func(w *process) error {
		besideSpare = w.spareDuring(memory) > 0
		return f(w, false)
	})
	crashed := errors.Is(err, transform.ErrCrashed)
	switch {
	case crashed && done():
		return nil // it died with nothing left to do
	case !again || done() || ctx.Err() != nil:
		return err
	case crashed:
		p.log.Warn("worker crashed during a job: retrying once", "err", err)
	case besideSpare && errors.Is(err, transform.ErrMemory):
		p.log.Debug("job took more than its estimate beside spare memory: retrying once", "estimate", memory)
	default:
		return err
	}
	p.updateStats(func(s *transform.PoolStats) { s.Retried++ })
	return p.runOnLiveWorker(ctx, func(w *process) error { return f(w, !crashed) })
}

// Probe asks a worker what its libvips can do.
func (p *Pool) Probe(ctx context.Context) (transform.Capabilities, error) {
	if err := p.acquireSlot(ctx); err != nil {
		return transform.Capabilities{}, err
	}
	defer p.releaseSlot()
	var c transform.Capabilities
	err := p.runOnLiveWorker(ctx, func(w *process) error {
		return w.runRequest(ctx, request{Kind: kindProbe}, nil, bounds{}, func(resp response, _ []byte) (bool, error) {
			if resp.Kind != kindProbed || resp.Probe == nil {
				return true, fmt.Errorf("%w: unexpected response %q to a probe", errDied, clipText(string(resp.Kind)))
			}
			c = *resp.Probe
			return true, nil
		})
	})
	return c, err
}

// runOnWorker runs f on a worker, an idle one or a new one, and keeps the worker if
// it is still good: alive, and not in the middle of something.
func (p *Pool) runOnWorker(ctx context.Context, f func(*process) error) error {
	w, err := p.idleOrNewWorker(ctx)
	if err != nil {
		return err
	}
	err = f(w)
	switch {
	case errors.Is(err, transform.ErrCrashed), w.killed.Load():
		if p.endWorker(w) {
			return ErrClosed // it was Close that ended the worker
		}
	default:
		p.keepOrRetire(w)
	}
	return err
}

func (p *Pool) acquireSlot(ctx context.Context) error {
	select {
	case <-p.slots:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("%w: no worker was free in time", transform.ErrTimeout)
		}
		return ctx.Err()
	}
}

func (p *Pool) releaseSlot() { p.slots <- struct{}{} }

func (p *Pool) updateStats(f func(*transform.PoolStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

// idleOrNewWorker gives an idle idleOrNewWorker that still lives, or starts one.
func (p *Pool) idleOrNewWorker(ctx context.Context) (*process, error) {
	if w, err := p.idleWorker(); w != nil || err != nil {
		return w, err
	}
	return p.newWorker(ctx)
}

func (p *Pool) idleWorker() (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	for len(p.idle) > 0 {
		w := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		w.spare = p.spare
		select {
		case <-w.ended:
			// It died while idle: nobody's job is harmed.
			w.conn.Close()
			delete(p.all, w)
			p.stats.Crashed++
		default:
			return w, nil
		}
	}
	return nil, nil
}

// keepOrRetire makes a worker idle, or retires it after MaxJobs jobs or where it holds too much memory.
func (p *Pool) keepOrRetire(w *process) {
	worn := int(w.jobs.Load()) >= p.cfg.MaxJobs || !p.fitsWhenIdle(w)
	p.mu.Lock()
	if worn || p.closed {
		delete(p.all, w)
		if !p.closed {
			p.stats.Replaced++
		}
		p.mu.Unlock()
		w.retire() // before its job's bytes are given to another
		return
	}
	defer p.mu.Unlock()
	w.idleSince = time.Now()
	p.idle = append(p.idle, w)
	p.lowerSpareLocked(w) // it may have changed while the job ran
	p.scheduleLocked()
}

// ReleaseIdle retires all idle workers but one, and returns when they are gone: for
// a caller that needs the memory at once.
func (p *Pool) ReleaseIdle() {
	p.mu.Lock()
	var old []*process
	if n := len(p.idle); n > 1 {
		old = append(old, p.idle[:n-1]...)
		p.idle = append(p.idle[:0], p.idle[n-1])
	}
	for _, w := range old {
		delete(p.all, w)
	}
	p.mu.Unlock()
	for _, w := range old {
		w.retire()
	}
}

// scheduleLocked sees to it that reapIdle runs when the first one's time is over.
func (p *Pool) scheduleLocked() {
	if len(p.idle) > 1 && p.sweep == nil {
		p.sweep = time.AfterFunc(p.cfg.IdleTime-time.Since(p.idle[0].idleSince), p.reapIdle)
	}
}

// reapIdle retires workers that have been idle for long, all but one. The front
// of the list is the one that has waited longest.
func (p *Pool) reapIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep = nil
	for !p.closed && len(p.idle) > 1 && time.Since(p.idle[0].idleSince) >= p.cfg.IdleTime {
		w := p.idle[0]
		p.idle = p.idle[1:]
		delete(p.all, w)
		go w.retire()
	}
	p.scheduleLocked()
}

// endWorker kills a worker that cannot be used any more. It reports whether the pool is
// closed.
func (p *Pool) endWorker(w *process) (closed bool) {
	ours := w.killed.Load()
	w.kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, w)
	switch {
	case w.overran.Load():
		p.stats.Overran++
	case w.overtime.Load():
		p.stats.Overtime++
	case w.stalled.Load():
		p.stats.Stalled++
	case ours:
		p.stats.Killed++
	default:
		p.stats.Crashed++
	}
	return p.closed
}

// Stats is a snapshot.
func (p *Pool) Stats() transform.PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Workers, s.Idle = len(p.all), len(p.idle)
	s.CPU = p.usage.total(p.all)
	return s
}

// Workers are those that live now, in the order of their process ids.
func (p *Pool) Workers() []transform.Worker {
	p.mu.Lock()
	out := make([]transform.Worker, 0, len(p.all))
	for w := range p.all {
		out = append(out, transform.Worker{PID: w.cmd.Process.Pid, Jobs: int(w.jobs.Load()),
			Memory: w.shown.memory.Load(), Base: w.shown.fresh.Load()})
	}
	p.mu.Unlock()
	slices.SortFunc(out, func(a, b transform.Worker) int { return a.PID - b.PID })
	return out
}

// Close ends every worker and returns when all are gone. Jobs under way fail.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	for _, timer := range []*time.Timer{p.sweep, p.starts.again} {
		if timer != nil {
			timer.Stop()
		}
	}
	busy := make(map[*process]struct{}, len(p.all))
	for w := range p.all {
		busy[w] = struct{}{}
	}
	p.mu.Unlock()
	// All at once: one that is stopped takes its second.
	var ending sync.WaitGroup
	for _, w := range idle {
		delete(busy, w)
		ending.Go(w.retire)
	}
	for w := range busy {
		ending.Go(w.kill)
	}
	ending.Wait()
	p.launcher.close()
}

var _ transform.Transformer = (*Pool)(nil)
