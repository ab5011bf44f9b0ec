package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/transform"
)

// batchPainter is a painter that keeps its jobs, and does what a test says before it makes a result.
type batchPainter struct {
	painter
	// before is called before each result, with the job; its error ends the job.
	before func(ctx context.Context, job transform.Job, i int) error

	mu   sync.Mutex
	jobs []transform.Job
}

func (p *batchPainter) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	p.mu.Lock()
	p.jobs = append(p.jobs, job)
	p.mu.Unlock()
	for i, out := range job.Outputs {
		if p.before != nil {
			if err := p.before(ctx, job, i); err != nil {
				return err
			}
		}
		one := job
		one.Outputs = []transform.Params{out}
		err := p.painter.Transform(ctx, one, func(_ int, pic transform.Picture) { deliver(i, pic) })
		if err != nil {
			return err
		}
	}
	return nil
}

// sizes are the numbers of results of the jobs so far.
func (p *batchPainter) sizes() (n []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, job := range p.jobs {
		n = append(n, len(job.Outputs))
	}
	return n
}

// batchRig is a rig whose results are asked for together.
type batchRig struct {
	*rig
	painter *batchPainter
	asks    sync.WaitGroup
}

func newBatchRig(t *testing.T, change func(*Config)) *batchRig {
	t.Helper()
	b := &batchRig{painter: &batchPainter{}}
	b.rig = newRig(t, func(c *Config) {
		c.Transformer = b.painter
		if change != nil {
			change(c)
		}
	})
	return b
}

// ask asks for a result, and checks the status of its response.
func (b *batchRig) ask(options string, status int) {
	b.asks.Go(func() {
		resp, body, err := b.get(context.Background(), b.path(options))
		if err != nil || resp.StatusCode != status {
			b.t.Errorf("%s: %v %.100q %v, want %d", options, resp, body, err, status)
		}
	})
}

// waiting is how many fills wait in queues.
func (b *batchRig) waiting() (n int) {
	s := b.server.batches
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		n += len(q.waiting)
	}
	return n
}

// together asks for widths of 1 to n, and frees a worker when all wait for one.
func (b *batchRig) together(n int, status func(width int) int) {
	b.t.Helper()
	free := b.busy()
	for width := 1; width <= n; width++ {
		b.ask(fmt.Sprint("w:", width), status(width))
	}
	b.until("all wait", func() bool { return b.waiting() == n })
	free()
	b.asks.Wait()
}

func always(status int) func(int) int { return func(int) int { return status } }

// busy takes all workers until free is called.
func (b *batchRig) busy() (free func()) {
	b.t.Helper()
	workers := b.server.memory.Budgets.Workers
	g, err := workers.TryAcquire(workers.Stats().Capacity)
	if err != nil {
		b.t.Fatal(err)
	}
	return g.Release
}

func (b *batchRig) wantJobs(want ...int) {
	b.t.Helper()
	if got := b.painter.sizes(); fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Errorf("jobs of %v results, want %v", got, want)
	}
}

func TestSizesAskedForTogetherAreOneJob(t *testing.T) {
	b := newBatchRig(t, nil)
	b.together(8, always(200))
	b.wantJobs(8)
	if n := b.server.batches.snapshot(); n != (batchStats{jobs: 1, results: 8}) {
		t.Errorf("%+v", n)
	}
	job := b.painter.jobs[0]
	for i, p := range job.Outputs[1:] {
		if p.Width < job.Outputs[i].Width {
			t.Errorf("width %d is made after %d", p.Width, job.Outputs[i].Width)
		}
	}
	if job.Memory != transform.JobWorkingSet(job) || job.CPU != transform.CPUTime(job) {
		t.Errorf("%d bytes, %v", job.Memory, job.CPU)
	}
}

// Those that waited for the same fetch go on at the same time, and the first of them waits for the others, although
// there are free workers.
func TestSizesOfOneFetchAreOneJob(t *testing.T) {
	b := newBatchRig(t, nil)
	started, release := b.hold()
	for width := 1; width <= 8; width++ {
		b.ask(fmt.Sprint("w:", width), 200)
	}
	<-started
	b.until("all have asked", func() bool { return b.server.sources.Stats().Shared == 7 })
	close(release)
	b.asks.Wait()
	if sizes := b.painter.sizes(); len(sizes) > 2 { // one, but on a machine that has much else to do
		t.Errorf("jobs of %v results", sizes)
	}
}

func TestOneAloneWaitsForNone(t *testing.T) {
	b := newBatchRig(t, nil)
	begun, release := make(chan struct{}), make(chan struct{})
	b.painter.before = func(_ context.Context, job transform.Job, _ int) error {
		if job.Outputs[0].Width == 300 {
			close(begun)
			<-release
		}
		return nil
	}
	b.ask("w:300", 200)
	<-begun // while it runs, there is another worker
	b.ask("w:200", 200)
	b.until("the other one is done", func() bool { return len(b.painter.sizes()) == 2 && b.waiting() == 0 })
	close(release)
	b.asks.Wait()
	b.wantJobs(1, 1)
}

func TestThoseThatWaitForAWorkerAreTakenAlong(t *testing.T) {
	b := newBatchRig(t, nil)
	free := b.busy()
	for _, options := range []string{"w:50", "w:100", "w:200", "w:120/f:jpg"} {
		b.ask(options, 200)
	}
	// These are no part of it: a small area, another source, and a border that is looked for.
	b.ask("w:100/c:20:20", 200)
	b.ask("w:101/t:10", 200)
	b.until("all wait", func() bool {
		return b.waiting() == 4 && b.server.memory.Budgets.Workers.Stats().Waiting >= 3
	})
	free()
	b.asks.Wait()
	if n := b.server.batches.snapshot(); n != (batchStats{jobs: 1, results: 4}) {
		t.Errorf("%+v, %v", n, b.painter.sizes())
	}
}

func TestResultsOfABatchAreSentAsTheyAreMade(t *testing.T) {
	b := newBatchRig(t, nil)
	var responses atomic.Int64
	b.painter.before = func(_ context.Context, _ transform.Job, i int) error {
		b.until("those before are sent", func() bool { return responses.Load() == int64(i) })
		return nil
	}
	free := b.busy()
	for width := 1; width <= 3; width++ {
		b.asks.Go(func() {
			b.must(b.path(fmt.Sprint("w:", width)))
			responses.Add(1)
		})
	}
	b.until("all wait", func() bool { return b.waiting() == 3 })
	free()
	b.asks.Wait()
	b.wantJobs(3)
}

// One result that ends its worker has its own error, and the others are made.
func TestOneThatEndsItsWorkerDoesNotTakeOthersWithIt(t *testing.T) {
	b := newBatchRig(t, nil)
	b.painter.before = func(_ context.Context, job transform.Job, i int) error {
		if job.Outputs[i].Width == 3 {
			return fmt.Errorf("%w: too much", transform.ErrMemory)
		}
		return nil
	}
	b.together(5, func(width int) int {
		if width == 3 {
			return 422
		}
		return 200
	})
	sizes := b.painter.sizes()
	if len(sizes) != 4 || sizes[0] != 5 { // the batch, and 3, 4 and 5 alone
		t.Errorf("jobs of %v results", sizes)
	}
	if resp, body := b.must(b.path("w:3")); resp.StatusCode != 422 {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	b.painter.before = nil
	if resp, body := b.must(b.path("w:7")); resp.StatusCode != 200 {
		t.Errorf("another size: %d %q", resp.StatusCode, body)
	}
}

// A crash of a batch is nobody's: the one that crashes alone, too, is refused, and with it its source.
func TestACrashInABatchIsTriedOnceMoreAlone(t *testing.T) {
	b := newBatchRig(t, nil)
	b.painter.before = func(_ context.Context, job transform.Job, _ int) error {
		if len(job.Outputs) > 1 {
			return fmt.Errorf("%w: a batch", transform.ErrCrashed)
		}
		return nil
	}
	b.together(4, always(200))
	if sizes := b.painter.sizes(); len(sizes) != 5 {
		t.Errorf("jobs of %v results", sizes)
	}
}

func TestAPanicOfABatchIsItsFillsOwn(t *testing.T) {
	b := newBatchRig(t, nil)
	b.painter.before = func(_ context.Context, job transform.Job, i int) error {
		if i == 1 {
			panic("a mistake of ours")
		}
		return nil
	}
	b.together(3, func(width int) int {
		if width == 1 {
			return 200
		}
		return 500
	})
}

// Those whose clients leave before there is a worker are not made; after that the job goes on for the cache.
func TestThoseThatLeaveAreDropped(t *testing.T) {
	b := newBatchRig(t, nil)
	free := b.busy()
	ctx, leave := context.WithCancel(context.Background())
	b.ask("w:50", 200)
	for _, options := range []string{"w:60", "w:70"} {
		b.asks.Go(func() {
			if _, _, err := b.get(ctx, b.path(options)); !errors.Is(err, context.Canceled) {
				b.t.Errorf("%s: %v", options, err)
			}
		})
	}
	b.ask("w:80", 200)
	b.until("all wait", func() bool { return b.waiting() == 4 })
	leave()
	b.until("two have left", func() bool { return b.waiting() == 2 })
	free()
	b.asks.Wait()
	b.wantJobs(2)
}

// The first one to wait may leave as well: another one is then admitted.
func TestTheFirstOneLeaves(t *testing.T) {
	b := newBatchRig(t, nil)
	free := b.busy()
	ctx, leave := context.WithCancel(context.Background())
	b.asks.Go(func() { b.get(ctx, b.path("w:50")) })
	b.until("it waits", func() bool { return b.server.memory.Budgets.Workers.Stats().Waiting == 1 })
	b.ask("w:60", 200)
	b.ask("w:70", 200)
	b.until("all wait", func() bool { return b.waiting() == 3 })
	leave()
	b.until("it has left", func() bool { return b.waiting() == 2 })
	free()
	b.asks.Wait()
	b.wantJobs(2)
}

func TestAJobThatNoFillWaitsForIsCanceled(t *testing.T) {
	b := newBatchRig(t, func(c *Config) {
		c.Cache.Close()
		c.Cache, _ = cache.New(cache.Config{MaxBytes: 16 << 20, Clock: c.Clock, Pixels: transform.PixelVersion,
			Classify: ClassifyError, FillTimeout: time.Second})
	})
	ended := make(chan error, 1)
	b.painter.before = func(ctx context.Context, _ transform.Job, i int) error {
		if i == 0 {
			return nil
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	b.together(3, func(width int) int {
		if width == 1 {
			return 200
		}
		return 504
	})
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.wantJobs(3)
}

// A purge while a batch runs holds for its results as for any other.
func TestAPurgeDuringABatch(t *testing.T) {
	b := newBatchRig(t, nil)
	var purged atomic.Bool
	b.painter.before = func(_ context.Context, _ transform.Job, i int) error {
		if i == 1 && purged.CompareAndSwap(false, true) {
			b.purge(PurgeRequest{All: true, Mode: "hard"})
		}
		return nil
	}
	b.together(3, always(200))
	if asked := b.asked.Load(); asked < 2 {
		t.Errorf("the source was fetched %d times", asked)
	}
	for width := 2; width <= 3; width++ {
		b.wantStatus("afterwards", b.path(fmt.Sprint("w:", width)), inMemory)
	}
}
