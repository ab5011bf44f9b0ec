package cache

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWhatIsNotKept(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20, MaxEntryBytes: 100 << 10})
	for name, e := range map[Key]*Entry{
		"no-store": {Key: "no-store", NoStore: true, Expires: time.Now().Add(time.Hour)},
		"stale":    {Key: "stale", Expires: time.Now().Add(-time.Second)},
		"large":    {Key: "large", Body: make([]byte, 200<<10), Expires: time.Now().Add(time.Hour)},
	} {
		for i := range 2 {
			want := Miss
			if e.NoStore && i > 0 {
				want = Bypassed
			}
			got, outcome, err := c.Get(context.Background(), name, makes(e))
			if err != nil || outcome != want || got != e {
				t.Errorf("%s: %v, %v", name, outcome, err)
			}
			awaitIdle(c) // until then a settled flight answers, too
		}
	}
	if s := c.Stats(); s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCollidingKeysNeverMix(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20, hash: func(string) (uint64, uint64) { return 7, 7 }})
	var fills atomic.Int64
	for range 3 {
		for _, key := range []Key{"a", "b"} {
			e, _, err := c.Get(context.Background(), key, filler(key, &fills))
			if err != nil || e.Key != key || string(e.Body) != "body of "+string(key) {
				t.Fatalf("%s: %+v, %v", key, e, err)
			}
			settle(c)
		}
	}
	if s := c.Stats(); s.Collisions == 0 {
		t.Errorf("nothing collided: %+v", s)
	}
}

func TestBytesStayWithinTheBound(t *testing.T) {
	const most = 4 << 20
	c := newCache(t, Config{MaxBytes: most})
	for i := range 1000 {
		key := Key(fmt.Sprint(i))
		_, _, err := c.Get(context.Background(), key, func(context.Context, func() error, *Entry) (*Entry, error) {
			return newEntry(key, strings.Repeat("x", 1000+i*97%31000), time.Hour), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.Bytes > most {
			t.Fatalf("%+v", s)
		}
	}
	if s := c.Stats(); s.Bytes < most/2 || s.Evicted+s.Rejected == 0 {
		t.Errorf("the bound was not tried: %+v", s)
	}
	// What ristretto charges for is what it holds.
	settle(c)
	var entries, cost int64
	c.ram.rc.IterValues(func(e *Entry) bool { entries++; cost += e.Cost(); return false })
	if s := c.Stats(); s.Entries != entries || s.Bytes != cost {
		t.Errorf("%d entries of %d bytes are there, %+v", entries, cost, s)
	}
}

func TestCostIsWhatTheHeapTakes(t *testing.T) {
	// Either side of each class and of some pages.
	edges := []int{0, 5 * page, 5*page + 1, 6 * page, 100_000, 1<<20 + 1}
	for _, class := range sizeClasses[1:] {
		edges = append(edges, class-1, class, class+1)
	}
	zeros := make([]byte, slices.Max(edges))
	for _, n := range edges {
		if grown := cap(append([]byte(nil), zeros[:n]...)); allocatedBytes(n) != int64(grown) {
			t.Fatalf("%d bytes take %d of the heap, charged %d", n, grown, allocatedBytes(n))
		}
	}
	for _, n := range []int{1, 100, 30 << 10, 33 << 10, 5 << 20} {
		const many = 16
		keep := make([][]byte, many)
		took := int64(math.MaxInt64)
		for range 5 { // others allocate meanwhile, but hardly every time
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range keep {
				keep[i] = make([]byte, n)
			}
			runtime.ReadMemStats(&after)
			took = min(took, int64(after.TotalAlloc-before.TotalAlloc)/many)
		}
		cost := (&Entry{Body: keep[0]}).Cost() - overhead
		// The allocator packs the very small ones.
		if cost < took-64 || cost > took+64 {
			t.Errorf("%d bytes take %d of the heap, charged %d", n, took, cost)
		}
	}
	if short := (&Entry{Body: make([]byte, 1, 1<<20)}); short.Cost() < 1<<20 {
		t.Errorf("a body holds 1 MiB of the heap, charged %d", short.Cost())
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	var fills atomic.Int64
	if _, _, err := c.Get(context.Background(), "k", filler("k", &fills)); err != nil {
		t.Fatal(err)
	}
	settle(c)
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := c.Lookup("k"); !ok {
			t.Fatal("not there")
		}
	}); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHit(b *testing.B) {
	c := newCache(b, Config{MaxBytes: 1 << 20})
	var fills atomic.Int64
	const key = "rt:fill/w:300/h:200/f:webp/https://www.example.com/some/picture.jpg"
	if _, _, err := c.Get(context.Background(), key, filler(key, &fills)); err != nil {
		b.Fatal(err)
	}
	settle(c)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := c.Lookup(key); !ok {
				b.Fatal("not there")
			}
		}
	})
}

// Ristretto makes no room for an entry that replaces one: a cache full of
// small ones that come back large must not outgrow its bound.
func TestRefreshesThatGrowStayWithinTheBound(t *testing.T) {
	const most = 1 << 20
	var clock atomic.Int64
	now := func() time.Time { return time.Unix(2e9+clock.Load(), 0) }
	c := newCache(t, Config{MaxBytes: most, Now: now})
	for _, size := range []int{1000, 100 << 10} {
		for i := range 100 {
			key := Key(fmt.Sprint(i))
			fill := func(context.Context, func() error, *Entry) (*Entry, error) {
				return &Entry{Key: key, Body: make([]byte, size), Expires: now().Add(time.Minute)}, nil
			}
			_, outcome, err := c.Get(context.Background(), key, fill)
			if err != nil || outcome != Miss {
				t.Fatal(outcome, err)
			}
			settle(c)
			if s := c.Stats(); s.Bytes > most || s.Bytes == 0 {
				t.Fatalf("%d of %d bytes: %+v", i, size, s)
			}
		}
		clock.Add(3600)
	}
}

func TestPendingBytesCountUntilTheTierHasTakenThem(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	c.ram.setting.Lock() // no Set gets through
	var fills atomic.Int64
	e, _, err := c.Get(context.Background(), "k", filler("k", &fills))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.PendingBytes != e.Cost() || s.Flights != 1 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
	again, outcome, err := c.Get(context.Background(), "k", filler("k", &fills))
	if again != e || outcome != Hit || err != nil {
		t.Errorf("%v, %v", outcome, err)
	}
	if again, ok := c.Lookup("k"); again != e || !ok {
		t.Errorf("not found: %v", again)
	}
	c.ram.setting.Unlock()
	settle(c)
	if s := c.Stats(); s.PendingBytes != 0 || s.Bytes != e.Cost() || s.Entries != 1 || s.Fills != 1 || s.Hits != 2 {
		t.Errorf("%+v", s)
	}
}

// Ristretto panics where a Get meets its Close: while one is inside, the door
// must not close.
func TestCloseWaitsForReaders(t *testing.T) {
	var c *Cache
	var inside atomic.Int64
	hash := seededHash()
	c = newCache(t, Config{MaxBytes: 1 << 20, hash: func(key string) (uint64, uint64) {
		if key == "watched" {
			inside.Add(1)
			if c.ram.open.TryLock() {
				c.ram.open.Unlock()
				t.Error("ristretto could be closed in the middle of it")
			}
		}
		return hash(key)
	}})
	c.Lookup("watched")
	for name, use := range map[string]func(){
		"Get":    func() { c.Lookup("watched") },
		"Drop":   func() { c.ram.Drop("watched") },
		"forget": func() { c.ram.dropExact(&Entry{Key: "watched"}) },
		"Put":    func() { c.ram.Put(full("watched", "b")) },
		"putNew": func() { c.ram.putNew(full("watched", "b")) },
	} {
		before := inside.Load()
		if use(); inside.Load() == before {
			t.Errorf("%s: nothing was looked up", name)
		}
	}
}

func TestHowLargeAnEntryMayBe(t *testing.T) {
	for _, tc := range []struct{ bytes, entry, want int64 }{
		{64 << 20, 0, 8 << 20},
		{4 << 20, 0, 1 << 20},
		{512 << 10, 0, 512 << 10},
		{64 << 20, 3 << 20, 3 << 20},
		{2 << 20, 3 << 20, 2 << 20},
	} {
		c := newCache(t, Config{MaxBytes: tc.bytes, MaxEntryBytes: tc.entry})
		if got := c.ram.maxEntry.Load(); got != tc.want {
			t.Errorf("of %d, with %d set: %d, want %d", tc.bytes, tc.entry, got, tc.want)
		}
	}
}

func TestResize(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 4 << 20})
	fill := func(n int) {
		for i := range n {
			e := newEntry(Key(fmt.Sprint("k", i)), strings.Repeat("b", 16<<10), time.Hour)
			if _, _, err := c.Get(context.Background(), e.Key, makes(e)); err != nil {
				t.Fatal(err)
			}
		}
		settle(c)
	}
	fill(200)
	if s := c.Stats(); s.Bytes < 3<<20 {
		t.Fatalf("%+v", s)
	}
	c.Resize(1 << 20)
	s := c.Stats()
	if s.MaxBytes != 1<<20 || s.Bytes > 1<<20 || s.Bytes < 1<<20-2*(17<<10) || s.Bytes < s.Entries*16<<10 {
		t.Errorf("smaller: %+v", s)
	}
	var found int64
	for i := range 200 {
		if _, ok := c.Lookup(Key(fmt.Sprint("k", i))); ok {
			found++
		}
	}
	if found != s.Entries {
		t.Errorf("%d of %d are found", found, s.Entries)
	}
	c.Resize(-1)
	if s := c.Stats(); s.Bytes != 0 || s.Entries != 0 {
		t.Errorf("nothing: %+v", s)
	}
	fill(1)
	if _, ok := c.Lookup("k0"); ok {
		t.Error("a tier of no size keeps something")
	}
	c.Resize(4 << 20)
	fill(200)
	if s := c.Stats(); s.Bytes < 3<<20 || s.Bytes > 4<<20 {
		t.Errorf("as before: %+v", s)
	}
}

func TestResizeWhileInUse(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				key := Key(fmt.Sprint(g, i%50))
				c.Get(context.Background(), key, func(context.Context, func() error, *Entry) (*Entry, error) {
					return newEntry(key, strings.Repeat("b", 8<<10), time.Hour), nil
				})
			}
		})
	}
	for i := range 20 {
		c.Resize(int64(i%3) << 18)
		if s := c.Stats(); s.Bytes > 2<<18 {
			t.Errorf("%+v", s)
		}
	}
	wg.Wait()
	c.Resize(0)
	if s := c.Stats(); s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

// What the fill makes is over at once, so that every Get is a miss.
func BenchmarkMiss(b *testing.B) {
	c := newCache(b, Config{MaxBytes: 1 << 20})
	const key = "rt:fill/w:300/h:200/f:webp/https://www.example.com/some/picture.jpg"
	over := time.Now().Add(-time.Hour)
	fill := func(context.Context, func() error, *Entry) (*Entry, error) {
		return &Entry{Key: key, Expires: over}, nil
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome, err := c.Get(context.Background(), key, fill); err != nil || outcome != Miss {
			b.Fatal(outcome, err)
		}
	}
}
