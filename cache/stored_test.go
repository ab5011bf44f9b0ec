package cache

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// GetStored waits for no fill, and says whether one that makes nothing could find an entry.
func TestGetStored(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	c := newCache(t, Config{MaxBytes: 1 << 20, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	held := make(chan struct{})
	var fills atomic.Int64
	fill := func(context.Context, func() error, *Entry) (*Entry, error) {
		fills.Add(1)
		<-held
		return &Entry{Key: "k", Body: []byte("b"), Expires: time.Unix(now.Load()+10, 0), StaleWhile: 10 * time.Second,
			Keep: time.Hour}, nil
	}
	want := func(there bool, o Outcome, may bool) {
		t.Helper()
		e, got, mayFind := c.GetStored(t.Context(), "k", fill)
		if (e != nil) != there || got != o || mayFind != may {
			t.Errorf("%v %v %v, want %v %v %v", e != nil, got, mayFind, there, o, may)
		}
		if e != nil {
			e.Close()
		}
	}
	want(false, Miss, false)
	got := make(chan error)
	go func() {
		_, _, err := c.Get(context.Background(), "k", fill)
		got <- err
	}()
	for fills.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	want(false, Miss, false) // a fill is under way
	close(held)
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	settle(c)
	want(true, Hit, false)
	now.Add(25)
	want(false, Miss, true) // its source may be the same
	now.Add(-13)
	want(true, Stale, false)
	awaitIdle(c)
	if n := fills.Load(); n != 2 {
		t.Errorf("%d fills, want one, and one that made it anew", n)
	}
	want(true, Hit, false)
}
