package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pictor-proxy/pictor/transform"
)

// Config configures a Pool.
type Config struct {
	// Command is what to run as a worker; its Serve must find the socket as
	// the first descriptor after the standard three. Empty means this very
	// program with the argument "worker".
	Command []string
	// Env is the whole environment of a worker. Nil means DefaultEnv.
	Env []string
	// Size is the most workers at once; 0 means 1.
	Size int
	// Log gets what happens to workers; nil means none of it is told.
	Log *slog.Logger
}

// DefaultEnv is the environment of a worker: nothing of the server's, only
// what glibc and libvips read before any code of ours runs.
//
// Blocks of 256 KiB and more are mapped, so that a freed frame is the
// system's again at once; two arenas bound what fragmentation can hold.
// One thread per picture: the pool has the parallelism.
var DefaultEnv = []string{
	"MALLOC_ARENA_MAX=2",
	"MALLOC_MMAP_THRESHOLD_=262144",
	"MALLOC_TRIM_THRESHOLD_=262144",
	"MALLOC_TOP_PAD_=65536",
	"VIPS_CONCURRENCY=1",
	"VIPS_WARNING=0",
	"GOMAXPROCS=2",
}

// Pool is a set of worker processes, started on demand and used again. It
// implements transform.Transformer: the bodies it delivers are fresh memory
// and the receiver's to keep.
type Pool struct {
	cfg Config
	log *slog.Logger
	// slots has a token for each worker that may yet be busy.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*process // the last one used is the first one taken: its pages are warm
	all    map[*process]struct{}
	closed bool
	stats  Stats
}

// Stats counts what a pool did and holds.
type Stats struct {
	// Workers live now, of which Idle wait for work.
	Workers, Idle int
	// Started and Jobs count from the start of the pool. A job retried is one job.
	Started, Jobs uint64
	// Crashed counts workers that died by themselves, Killed those that were
	// ended for their job's deadline, Retried the jobs given a second worker.
	Crashed, Killed, Retried uint64
}

// ErrClosed: the pool was closed.
var ErrClosed = errors.New("worker pool is closed")

// New makes a Pool. No worker is started before there is work.
func New(cfg Config) (*Pool, error) {
	if len(cfg.Command) == 0 {
		self, err := selfPath()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		cfg.Command = []string{self, "worker"}
	}
	if cfg.Env == nil {
		cfg.Env = DefaultEnv
	}
	cfg.Size = max(cfg.Size, 1)
	p := &Pool{cfg: cfg, log: cfg.Log, slots: make(chan struct{}, cfg.Size), all: map[*process]struct{}{}}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	for range cfg.Size {
		p.slots <- struct{}{}
	}
	return p, nil
}

// Transform implements transform.Transformer. A job whose worker dies by
// itself is done once more on a new worker, for the outputs still missing, if
// ctx allows; a job whose worker was ended for the deadline is ErrTimeout.
func (p *Pool) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.give()
	p.count(func(s *Stats) { s.Jobs++ })
	r := newAssignment(job, deliver)
	err := p.attempt(ctx, r)
	if errors.Is(err, transform.ErrCrashed) && len(r.missing) == 0 {
		return nil // it died with nothing left to do
	}
	if errors.Is(err, transform.ErrCrashed) && ctx.Err() == nil {
		p.count(func(s *Stats) { s.Retried++ })
		p.log.Warn("worker died under a job; trying once more", "err", err)
		err = p.attempt(ctx, r)
	}
	return err
}

// attempt does what is left of a run on one worker.
func (p *Pool) attempt(ctx context.Context, r *assignment) error {
	return p.with(ctx, func(w *process) error {
		return w.do(ctx, r.request(), r.job.Source.File(), r.maxBody, r.answer)
	})
}

// Probe asks a worker what its libvips can do.
func (p *Pool) Probe(ctx context.Context) (transform.Capabilities, error) {
	if err := p.take(ctx); err != nil {
		return transform.Capabilities{}, err
	}
	defer p.give()
	var c transform.Capabilities
	err := p.with(ctx, func(w *process) error {
		return w.do(ctx, request{Kind: kindProbe}, nil, 0, func(resp response, _ []byte) (bool, error) {
			if resp.Kind != kindProbed || resp.Probe == nil {
				return true, fmt.Errorf("%w: it answered a probe with %q", errDied, clip(string(resp.Kind)))
			}
			c = *resp.Probe
			return true, nil
		})
	})
	return c, err
}

// with runs f on a worker, an idle one or a new one, and keeps the worker if
// it is still good: alive, and not in the middle of something.
func (p *Pool) with(ctx context.Context, f func(*process) error) error {
	w, err := p.worker()
	if err != nil {
		return err
	}
	err = f(w)
	switch {
	case errors.Is(err, transform.ErrCrashed), w.killed.Load():
		if p.drop(w) {
			return ErrClosed // it was Close that ended the worker
		}
	default:
		p.keep(w)
	}
	return err
}

func (p *Pool) take(ctx context.Context) error {
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

func (p *Pool) give() { p.slots <- struct{}{} }

func (p *Pool) count(f func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}

// worker gives an idle worker that still lives, or starts one.
func (p *Pool) worker() (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	for len(p.idle) > 0 {
		w := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
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
	w, err := start(p.cfg.Command, p.cfg.Env)
	if err != nil {
		return nil, err
	}
	p.all[w] = struct{}{}
	p.stats.Started++
	return w, nil
}

// keep puts a worker back.
func (p *Pool) keep(w *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go w.retire()
		return
	}
	p.idle = append(p.idle, w)
}

// drop ends a worker that is no good any more. It reports whether the pool is
// closed.
func (p *Pool) drop(w *process) (closed bool) {
	ours := w.killed.Load()
	w.kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, w)
	if ours {
		p.stats.Killed++
	} else {
		p.stats.Crashed++
	}
	return p.closed
}

// Stats is a snapshot.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Workers, s.Idle = len(p.all), len(p.idle)
	return s
}

// Close ends every worker and returns when all are gone. Jobs under way fail.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	busy := make(map[*process]struct{}, len(p.all))
	for w := range p.all {
		busy[w] = struct{}{}
	}
	p.mu.Unlock()
	for _, w := range idle {
		delete(busy, w)
		w.retire()
	}
	for w := range busy {
		w.kill()
	}
}

var _ transform.Transformer = (*Pool)(nil)
