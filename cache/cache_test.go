package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCache(t testing.TB, cfg Config) *Cache {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if s := c.Stats(); s.Flights != 0 || s.PendingBytes != 0 {
			t.Errorf("after Close: %+v", s)
		}
	})
	return c
}

func newEntry(key Key, body string, ttl time.Duration) *Entry {
	return &Entry{Key: key, Body: []byte(body), ETag: ETag([]byte(body)), Expires: time.Now().Add(ttl)}
}

// filler gives a fill that makes an entry of its key and counts.
func filler(key Key, count *atomic.Int64) Fill {
	return func(context.Context) (*Entry, error) {
		count.Add(1)
		return newEntry(key, "body of "+string(key), time.Hour), nil
	}
}

// settle returns when the RAM tier has taken up all that landed.
func settle(c *Cache) {
	for c.Stats().Flights > 0 {
		runtime.Gosched()
	}
}

func TestNextRequestIsAHit(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 64 << 20})
	var fills atomic.Int64
	for i := range 1000 {
		key := Key(fmt.Sprint("key ", i))
		first, outcome, err := c.Get(context.Background(), key, filler(key, &fills))
		if err != nil || outcome != Miss {
			t.Fatalf("%d: %v, %v", i, outcome, err)
		}
		again, outcome, err := c.Get(context.Background(), key, filler(key, &fills))
		if err != nil || outcome != Hit || again != first {
			t.Fatalf("%d again: %v, %v", i, outcome, err)
		}
	}
	if s := c.Stats(); fills.Load() != 1000 || s.Fills != 1000 || s.Misses != 1000 || s.Hits != 1000 {
		t.Errorf("%d fills, %+v", fills.Load(), s)
	}
}

func TestManyForOneKeyFillOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{MaxBytes: 0})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		release := make(chan struct{})
		var fills, collapsed atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				e, outcome, err := c.Get(context.Background(), "k", func(context.Context) (*Entry, error) {
					fills.Add(1)
					<-release
					return newEntry("k", "b", time.Hour), nil
				})
				if err != nil || string(e.Body) != "b" {
					t.Error(err)
				}
				if outcome == Collapsed {
					collapsed.Add(1)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if fills.Load() != 1 || collapsed.Load() != 999 {
			t.Errorf("%d fills, %d collapsed", fills.Load(), collapsed.Load())
		}
	})
}

func TestLeaderLeavesAndFollowersAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{})
		defer c.Close()
		release := make(chan struct{})
		fill := func(ctx context.Context) (*Entry, error) {
			<-release
			return newEntry("k", "b", time.Hour), ctx.Err()
		}
		gone := errors.New("connection closed")
		ctx, cancel := context.WithCancelCause(context.Background())
		leader := make(chan error)
		go func() {
			_, _, err := c.Get(ctx, "k", fill)
			leader <- err
		}()
		synctest.Wait()
		follower := make(chan error)
		go func() {
			_, outcome, err := c.Get(context.Background(), "k", nil)
			if outcome != Collapsed {
				t.Errorf("outcome %v", outcome)
			}
			follower <- err
		}()
		synctest.Wait()
		cancel(gone)
		if err := <-leader; !errors.Is(err, gone) {
			t.Errorf("leader: %v", err)
		}
		close(release)
		if err := <-follower; err != nil {
			t.Errorf("follower: %v", err)
		}
	})
}

func TestLastOneToLeaveEndsTheFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{})
		defer c.Close()
		ended := make(chan error, 1)
		release := make(chan struct{})
		doomed := func(ctx context.Context) (*Entry, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			<-release // it takes its time to notice
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(context.Background())
		go c.Get(ctx, "k", doomed)
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the fill saw %v", err)
		}
		// Whoever comes now must not join what is doomed.
		e, outcome, err := c.Get(context.Background(), "k", func(context.Context) (*Entry, error) { return newEntry("k", "b", time.Hour), nil })
		if err != nil || outcome != Miss || string(e.Body) != "b" {
			t.Errorf("%v, %v", outcome, err)
		}
		close(release)
	})
}

func TestFillsEndByTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{FillTimeout: time.Minute})
		defer c.Close()
		start := time.Now()
		_, _, err := c.Get(context.Background(), "k", func(ctx context.Context) (*Entry, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestBadFills(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		fill Fill
		text string
	}{
		"error":          {func(context.Context) (*Entry, error) { return nil, boom }, "boom"},
		"panic":          {func(context.Context) (*Entry, error) { panic("at the disco") }, "disco"},
		"Goexit":         {func(context.Context) (*Entry, error) { runtime.Goexit(); return nil, nil }, "panicked"},
		"nothing at all": {func(context.Context) (*Entry, error) { return nil, nil }, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // an error is not remembered
				_, outcome, err := c.Get(context.Background(), "k", tc.fill)
				if outcome != Miss || err == nil || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("%v, %v", outcome, err)
				}
			}
		})
	}
	if s := c.Stats(); s.FillErrors != 8 || s.Fills != 8 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsNotKept(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20, MaxEntryBytes: 100 << 10})
	for name, e := range map[Key]*Entry{
		"no-store": {Key: "no-store", NoStore: true, Expires: time.Now().Add(time.Hour)},
		"stale":    {Key: "stale", Expires: time.Now().Add(-time.Second)},
		"large":    {Key: "large", Body: make([]byte, 200<<10), Expires: time.Now().Add(time.Hour)},
	} {
		for range 2 {
			got, outcome, err := c.Get(context.Background(), name, func(context.Context) (*Entry, error) { return e, nil })
			if err != nil || outcome != Miss || got != e {
				t.Errorf("%s: %v, %v", name, outcome, err)
			}
		}
	}
	if s := c.Stats(); s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestEntriesGoStale(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	c := newCache(t, Config{MaxBytes: 1 << 20, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	fill := func(context.Context) (*Entry, error) {
		return &Entry{Key: "k", Expires: time.Unix(now.Load()+10, 0)}, nil
	}
	want := func(o Outcome) {
		t.Helper()
		if _, got, err := c.Get(context.Background(), "k", fill); got != o || err != nil {
			t.Errorf("%v, %v; want %v", got, err, o)
		}
	}
	want(Miss)
	want(Hit)
	now.Add(9)
	want(Hit)
	now.Add(1)
	if _, ok := c.Lookup("k"); ok {
		t.Error("a stale entry was found")
	}
	want(Miss)
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
		_, _, err := c.Get(context.Background(), key, func(context.Context) (*Entry, error) {
			return newEntry(key, strings.Repeat("x", 1000+i*97%30000), time.Hour), nil
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
}

func TestCostIsWhatTheHeapTakes(t *testing.T) {
	for _, n := range []int{0, 1, 100, 1000, 30 << 10, 33 << 10, 100_000, 5 << 20} {
		e := &Entry{Key: "k", Body: make([]byte, n)}
		const many = 16
		var before, after runtime.MemStats
		keep := make([][]byte, many)
		runtime.ReadMemStats(&before)
		for i := range keep {
			keep[i] = make([]byte, n)
		}
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(keep)
		took := int64(after.TotalAlloc-before.TotalAlloc) / many
		if cost := e.Cost(); cost < took || cost > took+took/7+overhead+64 {
			t.Errorf("%d bytes take %d of the heap, cost %d", n, took, cost)
		}
	}
}

func TestETag(t *testing.T) {
	a, b := ETag([]byte("a")), ETag([]byte("b"))
	if a == b || a != ETag([]byte("a")) || a[0] != '"' || a[len(a)-1] != '"' || strings.ContainsAny(a[1:len(a)-1], `",`) || len(a) != 24 {
		t.Errorf("%s, %s", a, b)
	}
}

func TestCloseDuringLoad(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	var wg sync.WaitGroup
	var fills atomic.Int64
	started := make(chan struct{}, 8)
	for i := range 8 {
		wg.Go(func() {
			for j := 0; ; j++ {
				key := Key(fmt.Sprint(i, j))
				_, _, err := c.Get(context.Background(), key, filler(key, &fills))
				if errors.Is(err, ErrClosed) {
					return
				}
				if j == 10 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	c.Close()
	wg.Wait()
}

// Whatever is asked in whatever order: never the bytes of another key, never
// an entry past its end.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The clock is read by the flights, too.
		var clock atomic.Int64
		now := func() time.Time { return time.Unix(1e9+clock.Load(), 0) }
		slots := rapid.Uint64Range(1, 8).Draw(t, "slots")
		c, err := New(Config{MaxBytes: 20_000, Now: now, hash: func(k string) (uint64, uint64) {
			return uint64(len(k)) % slots, 1
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			clock.Add(rapid.Int64Range(0, 5).Draw(t, "pause"))
			key := Key(strings.Repeat("k", rapid.IntRange(1, 12).Draw(t, "key")))
			ttl := time.Duration(rapid.IntRange(-1, 10).Draw(t, "ttl")) * time.Second
			filled := false
			e, outcome, err := c.Get(context.Background(), key, func(context.Context) (*Entry, error) {
				filled = true
				return &Entry{Key: key, Body: bytes.Repeat([]byte{byte(len(key))}, 500), Expires: now().Add(ttl)}, nil
			})
			switch {
			case err != nil || e.Key != key || e.Body[0] != byte(len(key)):
				t.Fatalf("%s: %+v, %v", key, e, err)
			case outcome == Hit && (filled || !now().Before(e.Expires)), outcome == Miss && !filled:
				t.Fatalf("%v, filled %v, %v after its end", outcome, filled, now().Sub(e.Expires))
			}
		}
	})
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
