package memory

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// governorRig is a Governor beside a real RAM cache, with jobs that hold what the
// tests say.
type governorRig struct {
	*Governor
	t     *testing.T
	cache *cache.Cache
}

const (
	testHeap = 1 << 30
	// testTransforms is the share of transforms, which takes a job of smallJob,
	// and largeJob only exclusively.
	testTransforms     = 8 << 20
	smallJob, largeJob = testTransforms / 2, testTransforms + 4<<20
)

// newGovernorRig has a cache of 8 MiB.
func newGovernorRig(t *testing.T, change func(*Config)) *governorRig {
	t.Helper()
	clock, err := purge.Open(purge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(cache.Config{MaxBytes: 8 << 20, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Plan: Plan{
			Workers: 2, Fetches: 256, Clients: 1000, Sources: 16 << 20, Transforms: testTransforms, Results: 16 << 20,
			Cache: 8 << 20, Exclusive: largeJob + 2<<20, GoLimit: testHeap,
		},
		QueueWait: 10 * time.Second, Cache: c,
	}
	if change != nil {
		change(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		debug.SetMemoryLimit(math.MaxInt64)
		c.Close()
		b := g.Budgets
		for _, b := range []*budget.Budget{
			b.Fetches, b.Workers, b.Sources, b.Transforms, b.Responses, b.SmallResponses, b.Exclusive,
		} {
			if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
				t.Errorf("something is left over: %+v", s)
			}
		}
	})
	return &governorRig{g, t, c}
}

// fillCache puts n bytes of entries into the cache.
func (r *governorRig) fillCache(n int64) {
	r.t.Helper()
	for i := 0; r.cache.Stats().Bytes < n; i++ {
		e := &cache.Entry{
			Key: cache.Key(time.Now().String()), Body: make([]byte, 256<<10), Expires: time.Now().Add(time.Hour),
		}
		fill := func(context.Context, func() error, *cache.Entry) (*cache.Entry, error) { return e, nil }
		if _, _, err := r.cache.Get(context.Background(), e.Key, fill); err != nil {
			r.t.Fatal(err)
		}
		if i > 1000 {
			r.t.Fatal("the cache does not fill")
		}
		for r.cache.Stats().Flights > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// testSource is a source that so many bytes are reserved for.
type testSource int64

func (s *testSource) Reserved() int64 { return int64(*s) }

// runs admits a job and ends it; it reports the error of the admission.
func (r *governorRig) runs(need int64) error {
	admission, err := r.Admit(context.Background(), budget.NewQueueWait(time.Minute), new(testSource), need)
	if err == nil {
		admission.Release()
	}
	return err
}

// What absent clients leave of their share transforms may have, and the heap
// may not.
func TestTransformsBorrowFromAbsentClients(t *testing.T) {
	r := newGovernorRig(t, func(c *Config) {
		c.Plan = Plan{
			Workers: 1, Fetches: 1, Clients: 100, Connections: 100 << 20, Sources: 1, Results: 1,
			Transforms: 50 << 20, Exclusive: 300 << 20, GoLimit: testHeap,
		}
	})
	for _, tc := range []struct{ join, transforms, alone int64 }{
		{0, 150, 300},
		{1, 118, 300},  // counted as 32
		{31, 118, 300}, // 32
		{1, 86, 300},   // as 64
		{67, 50, 236},  // all 100, as 128
		{-100, 150, 300},
	} {
		r.Connections.addOpen(int(tc.join))
		plan := r.currentPlan()
		if got := r.Budgets.Transforms.Stats().Capacity >> 20; got != tc.transforms {
			t.Errorf("%+d: transforms may have %d MiB, want %d", tc.join, got, tc.transforms)
		}
		if got := debug.SetMemoryLimit(-1); got != testHeap-(tc.transforms-50)<<20 {
			t.Errorf("%+d: the heap may have %d MiB", tc.join, got>>20)
		}
		if got := plan.exclusiveBeside(r.Connections.RoundedCount()) >> 20; got != tc.alone {
			t.Errorf("%+d: one alone may have %d MiB, want %d", tc.join, got, tc.alone)
		}
	}
}
