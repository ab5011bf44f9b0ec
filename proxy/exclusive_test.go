package proxy

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// newExclusiveRig is a server whose budget of transforms takes two small jobs (w:1 to
// w:99) and no large one (w:3000/el:1), which fits exclusively, beside a cache of
// 1 MiB.
func newExclusiveRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	info, err := container.Sniff(picturetest.PNG(picturetest.Chart(400, 300)))
	if err != nil {
		t.Fatal(err)
	}
	need := func(p transform.Params) int64 {
		p.Format = transform.PNG
		g := transform.NewGeometry(info, p)
		return transform.WorkingSet(info, g, p) + transform.ResultBytes(info, g, p)
	}
	small, large := need(transform.Params{Width: 99}), need(transform.Params{Width: 3000, Enlarge: true})
	if large < 2*small+1<<20 {
		t.Fatalf("the large job takes %d, the small one %d", large, small)
	}
	r := newRig(t, func(c *Config) {
		c.Plan.Transforms = 2 * small
		c.Plan.Exclusive = large + 2<<20
		c.Plan.Cache = 8 << 20
		c.Cache.Resize(8 << 20)
		c.QueueWait = 10 * time.Second
		c.Plan.GoLimit = testHeap
		for _, change := range change {
			change(c)
		}
	})
	r.apart = true
	t.Cleanup(func() {
		if n := debug.SetMemoryLimit(math.MaxInt64); n != testHeap {
			t.Errorf("the heap is held to %d in the end", n)
		}
		if n := r.cacheBytes(); n != 8<<20 {
			t.Errorf("the cache has %d bytes in the end", n)
		}
	})
	return r
}

const testHeap = 1 << 30

const large = "w:3000/el:1"

func TestALargeJobRunsAloneAndTheCacheGivesWay(t *testing.T) {
	r := newExclusiveRig(t)
	if err := r.fillCache(4 << 20); err != nil {
		t.Fatal(err)
	}
	first, release := make(chan struct{}), make(chan struct{})
	var order []string
	var mu sync.Mutex
	say := func(s string) { mu.Lock(); defer mu.Unlock(); order = append(order, s) }
	r.painter.fail = func(context.Context) error { close(first); <-release; say("small"); return nil }
	var wg sync.WaitGroup
	ask := func(options string) {
		wg.Go(func() {
			if resp, body, err := r.get(context.Background(), r.path(options)); err != nil || resp.StatusCode != 200 {
				t.Errorf("%s: %v %v %.100q", options, err, resp, body)
			}
		})
	}
	ask("w:1")
	<-first
	var during cache.Stats
	var busy, heap int64
	r.painter.fail = func(context.Context) error {
		if during.MaxBytes == 0 {
			during, busy = r.cfg.Cache.Stats(), r.server.memory.Budgets.Transforms.Stats().InUse
			heap = debug.SetMemoryLimit(-1)
			say("large")
			return nil
		}
		say("small")
		return nil
	}
	ask(large)
	r.until("the large job waits", func() bool { return r.server.memory.Budgets.Exclusive.Stats().InUse == 1 })
	ask("w:2")
	r.until("a newcomer waits", func() bool { return r.server.memory.Budgets.Sources.Stats().Waiting == 1 })
	close(release)
	wg.Wait()
	if got := strings.Join(order, " "); got != "small large small" {
		t.Errorf("in the order %s", got)
	}
	if during.Bytes > 2<<20 || during.MaxBytes >= 2<<20 || during.MaxBytes < 1<<20 || busy != 0 {
		t.Errorf("meanwhile the cache held %+v, other jobs %d bytes", during, busy)
	}
	// The heap is held to less by what the cache gave up, with its garbage.
	if gave := testHeap - heap; gave < 8<<20 || gave > 14<<20 {
		t.Errorf("the heap gave up %d bytes", gave)
	}
}

// fillCache puts n bytes of entries into the cache.
func (r *rig) fillCache(n int64) error {
	for i := 0; r.cfg.Cache.Stats().Bytes < n; i++ {
		e := &cache.Entry{
			Key: cache.Key(time.Now().String()), Body: make([]byte, 256<<10), Expires: time.Now().Add(time.Hour),
		}
		fill := func(context.Context, func() error, *cache.Entry) (*cache.Entry, error) { return e, nil }
		if _, _, err := r.cfg.Cache.Get(context.Background(), e.Key, fill); err != nil {
			return err
		}
		if i > 1000 {
			return errors.New("the cache does not fill")
		}
		for r.cfg.Cache.Stats().Flights > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

func TestLargeJobsRunOneAfterTheOther(t *testing.T) {
	r := newExclusiveRig(t)
	var mu sync.Mutex
	running, most := 0, 0
	r.painter.fail = func(context.Context) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	}
	var wg sync.WaitGroup
	for _, options := range []string{large, large + "/g:no", large + "/q:50"} {
		wg.Go(func() {
			if resp, body, err := r.get(context.Background(), r.path(options)); err != nil || resp.StatusCode != 200 {
				t.Errorf("%s: %v %v %.100q", options, err, resp, body)
			}
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d at once", most)
	}
}

// However a large job ends, or does not begin, others go on after it.
func TestALargeJobThatEndsBadlyLeavesNothingBehind(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"failure": func(r *rig) {
			r.painter.fail = func(context.Context) error { return errors.New("boom") }
			r.must(r.path(large))
		},
		"panic": func(r *rig) {
			r.painter.fail = func(context.Context) error { panic("boom") }
			r.must(r.path(large))
		},
		"client gone while it waits": func(r *rig) {
			blocked, err := r.server.memory.Budgets.Transforms.TryAcquire(1)
			if err != nil {
				r.t.Fatal(err)
			}
			defer blocked.Release()
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); r.get(ctx, r.path(large)) }()
			r.until("it waits", func() bool { return r.server.memory.Budgets.Exclusive.Stats().InUse == 1 })
			cancel()
			<-done
			r.until("it has left", func() bool { return r.server.memory.Budgets.Exclusive.Stats().InUse == 0 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newExclusiveRig(t)
			end(r)
			r.painter.fail = nil
			for _, options := range []string{"w:3", large} {
				if resp, body := r.must(r.path(options)); resp.StatusCode != 200 {
					t.Errorf("%s: %d %.100q", options, resp.StatusCode, body)
				}
			}
		})
	}
}

// A limit that changes while a large job runs holds for the cache afterwards.
func TestResizeWhileALargeJobRuns(t *testing.T) {
	r := newExclusiveRig(t)
	plan := r.cfg.Plan
	plan.Cache = 4 << 20
	var during int64
	r.painter.fail = func(context.Context) error {
		err := r.server.Resize(plan)
		during = r.cacheBytes()
		return err
	}
	if resp, body := r.must(r.path(large)); resp.StatusCode != 200 {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
	r.until("the new share holds", func() bool { return r.cacheBytes() == 4<<20 })
	if during >= 2<<20 {
		t.Errorf("the cache had %d bytes back too early", during)
	}
	if err := r.server.Resize(r.cfg.Plan); err != nil {
		t.Error(err)
	}
	if err := r.server.Resize(memory.Plan{}); err == nil {
		t.Error("an empty plan is accepted")
	}
}

// letGoPanics is a Transformer whose workers cannot be let go the first time.
type letGoPanics struct {
	pooled
	panicked atomic.Bool
}

func (p *letGoPanics) ReleaseIdle() {
	if !p.panicked.Swap(true) {
		panic("boom")
	}
}

func TestAPanicBeforeALargeJobLeavesNothingBehind(t *testing.T) {
	r := newExclusiveRig(t, func(c *Config) { c.Transformer = &letGoPanics{pooled: pooled{c.Transformer.(*painter)}} })
	if resp, body := r.must(r.path(large)); resp.StatusCode != 500 {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
	for _, options := range []string{"w:3", large} {
		if resp, body := r.must(r.path(options)); resp.StatusCode != 200 {
			t.Errorf("%s: %d %.100q", options, resp.StatusCode, body)
		}
	}
}

// Where sources do not leave in time the large job goes, and others go on.
func TestALargeJobDoesNotWaitForEver(t *testing.T) {
	r := newExclusiveRig(t)
	r.server.cfg.QueueWait = 200 * time.Millisecond
	stuck, err := r.server.memory.Budgets.Sources.TryAcquire(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Release()
	if resp, body := r.must(r.path(large)); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
	if resp, body := r.must(r.path("w:3")); resp.StatusCode != 200 {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
	stuck.Release()
	if resp, body := r.must(r.path(large)); resp.StatusCode != 200 {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
}

// A job that runs alone was promised what clients not there leave.
func TestClientsDoNotBecomeMoreBesideALargeJob(t *testing.T) {
	r := newExclusiveRig(t)
	before := r.server.memory.Connections.Limit()
	var during int
	r.painter.fail = func(context.Context) error { during = r.server.memory.Connections.Limit(); return nil }
	disconnect := r.connect(memory.ExclusiveClients + 6) // none of them idle
	if resp, body := r.must(r.path(large)); resp.StatusCode != 200 {
		t.Errorf("%d %.100q", resp.StatusCode, body)
	}
	disconnect()
	if during != memory.ExclusiveClients+6 || before != r.cfg.Plan.Clients ||
		r.server.memory.Connections.Limit() != before {
		t.Errorf("room for %d before, %d meanwhile, %d afterwards", before, during, r.server.memory.Connections.Limit())
	}
}
