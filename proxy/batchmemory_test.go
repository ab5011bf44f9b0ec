package proxy

import (
	"context"
	"testing"
)

// A batch has the memory of one worker at most.
func TestABatchLeavesMemoryToOthers(t *testing.T) {
	b := newBatchRig(t, func(c *Config) { c.Plan.Transforms = 20 << 20 })
	b.together(12, always(200))
	results := 0
	for _, job := range b.painter.jobs {
		results += len(job.Outputs)
		if n := job.Memory + int64(len(job.Outputs))<<20; n > 10<<20 { // a result of these counts as 1 MiB
			t.Errorf("a job of %d results has %d bytes", len(job.Outputs), n)
		}
	}
	if results != 12 || len(b.painter.jobs) == 1 || len(b.painter.jobs) > 6 {
		t.Errorf("jobs of %v results", b.painter.sizes())
	}
}

// A job of little memory does not wait for one of the same source that needs much.
func TestASmallJobDoesNotWaitForALargeOne(t *testing.T) {
	b := newBatchRig(t, func(c *Config) { c.Plan.Transforms = 40 << 20 })
	transforms := b.server.memory.Budgets.Transforms
	g, err := transforms.TryAcquire(transforms.Stats().Capacity - 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	b.ask("w:1000/h:800/el:1/rt:force/f:avif", 200)
	b.until("it waits", func() bool { return transforms.Stats().Waiting == 1 })
	b.ask("w:10", 200)
	b.until("the small one is made", func() bool { return b.painter.results.Load() == 1 && b.waiting() == 1 })
	g.Release()
	b.asks.Wait()
	b.wantJobs(1, 1)
}

// It does not wait for that one either where the small job that it waited for is gone.
func TestTheNextSmallJobDoesNotWaitForALargeOne(t *testing.T) {
	b := newBatchRig(t, func(c *Config) { c.Plan.Transforms = 40 << 20 })
	transforms, workers := b.server.memory.Budgets.Transforms, b.server.memory.Budgets.Workers
	g, err := transforms.TryAcquire(transforms.Stats().Capacity - 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	b.ask("w:1000/h:800/el:1/rt:force/f:avif", 200)
	b.until("it waits", func() bool { return transforms.Stats().Waiting == 1 })
	free := b.busy()
	ctx, leave := context.WithCancel(context.Background())
	b.asks.Go(func() { _, _, _ = b.get(ctx, b.path("w:10")) }) // leaves
	b.until("a small one waits for a worker", func() bool { return workers.Stats().Waiting == 1 })
	b.ask("w:11", 200)
	b.until("the next one waits", func() bool { return b.waiting() == 3 })
	leave()
	b.until("the first small one has left", func() bool { return b.waiting() == 2 })
	free()
	b.until("the next one is made", func() bool { return b.painter.results.Load() == 1 && b.waiting() == 1 })
	g.Release()
	b.asks.Wait()
	b.wantJobs(1, 1)
}
