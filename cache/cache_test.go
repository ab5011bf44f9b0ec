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
	return &Entry{
		Key: key, Body: []byte(body), ContentType: "image/png", ETag: ETag([]byte(body)), Expires: time.Now().Add(ttl),
	}
}

// filler gives a fill that makes an entry of its key and counts.
func filler(key Key, count *atomic.Int64) Fill {
	return func(context.Context, func() error, *Entry) (*Entry, error) {
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

// awaitIdle returns when no fill runs, nor any promotion.
func awaitIdle(c *Cache) {
	c.flights.Wait(context.Background())
	c.background.wait(context.Background())
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

func TestEntriesGoStale(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	c := newCache(t, Config{MaxBytes: 1 << 20, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	fill := func(context.Context, func() error, *Entry) (*Entry, error) {
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

func TestETag(t *testing.T) {
	a, b := ETag([]byte("a")), ETag([]byte("b"))
	quoted := len(a) == 24 && a[0] == '"' && a[23] == '"' && !strings.ContainsAny(a[1:23], `",`)
	if a == b || a != ETag([]byte("a")) || !quoted {
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
				c.Lookup(Key(fmt.Sprint(i, j-1))) // readers, too, must not meet a closed channel
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
			fill := func(context.Context, func() error, *Entry) (*Entry, error) {
				filled = true
				return &Entry{Key: key, Body: bytes.Repeat([]byte{byte(len(key))}, 500), Expires: now().Add(ttl)}, nil
			}
			e, outcome, err := c.Get(context.Background(), key, fill)
			switch {
			case err != nil || e.Key != key || e.Body[0] != byte(len(key)):
				t.Fatalf("%s: %+v, %v", key, e, err)
			case outcome == Hit && (filled || !now().Before(e.Expires)), outcome == Miss && !filled:
				t.Fatalf("%v, filled %v, %v after its end", outcome, filled, now().Sub(e.Expires))
			}
		}
	})
}
