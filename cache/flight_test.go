package cache

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyForOneKeyFillOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		release := make(chan struct{})
		made := newEntry("k", "b", time.Hour)
		var fills, collapsed atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				fill := func(context.Context, func() error, *Entry) (*Entry, error) {
					fills.Add(1)
					<-release
					return made, nil
				}
				e, outcome, err := c.Get(context.Background(), "k", fill)
				if err != nil || e != made {
					t.Errorf("%p, %v", e, err)
				}
				if outcome == Collapsed {
					collapsed.Add(1)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		s := c.Stats()
		if fills.Load() != 1 || collapsed.Load() != 999 || s.Fills != 1 || s.Misses != 1 || s.Collapsed != 999 {
			t.Errorf("%d fills, %d collapsed, %+v", fills.Load(), collapsed.Load(), s)
		}
	})
}

func TestLeaderLeavesAndFollowersAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{})
		defer c.Close()
		release := make(chan struct{})
		fill := func(ctx context.Context, _ func() error, _ *Entry) (*Entry, error) {
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
		doomed := func(ctx context.Context, _ func() error, _ *Entry) (*Entry, error) {
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
		e, outcome, err := c.Get(context.Background(), "k", makes(newEntry("k", "b", time.Hour)))
		if err != nil || outcome != Miss || string(e.Body) != "b" {
			t.Errorf("%v, %v", outcome, err)
		}
		close(release)
	})
}

func TestACommittedFillGoesOnAndIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{FillTimeout: time.Minute})
		defer c.Close()
		release := make(chan struct{})
		fill := func(ctx context.Context, commit func() error, _ *Entry) (*Entry, error) {
			if err := commit(); err != nil {
				return nil, err
			}
			<-release
			return newEntry("k", "b", time.Hour), ctx.Err()
		}
		ctx, cancel := context.WithCancel(context.Background())
		go c.Get(ctx, "k", fill)
		synctest.Wait()
		cancel()
		synctest.Wait()
		joined := make(chan error)
		go func() {
			_, outcome, err := c.Get(context.Background(), "k", nil)
			if outcome != Collapsed {
				t.Errorf("outcome %v", outcome)
			}
			joined <- err
		}()
		synctest.Wait()
		close(release)
		if err := <-joined; err != nil {
			t.Error(err)
		}
	})
}

func TestWhatNobodyWaitsForIsNotCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{})
		defer c.Close()
		got := make(chan error)
		ctx, cancel := context.WithCancel(context.Background())
		go c.Get(ctx, "k", func(ctx context.Context, commit func() error, _ *Entry) (*Entry, error) {
			<-ctx.Done()
			err := commit()
			got <- err
			return nil, err
		})
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("commit: %v", err)
		}
	})
}

func TestFillsEndByTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{FillTimeout: time.Minute})
		defer c.Close()
		start := time.Now()
		fill := func(ctx context.Context, _ func() error, _ *Entry) (*Entry, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_, _, err := c.Get(context.Background(), "k", fill)
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
		"error": {func(context.Context, func() error, *Entry) (*Entry, error) { return nil, boom }, "boom"},
		"panic": {func(context.Context, func() error, *Entry) (*Entry, error) { panic("at the disco") }, "disco"},
		"Goexit": {func(context.Context, func() error, *Entry) (*Entry, error) {
			runtime.Goexit()
			return nil, nil
		}, "panicked"},
		"another's": {func(context.Context, func() error, *Entry) (*Entry, error) {
			return newEntry("other", "b", time.Hour), nil
		}, "another key"},
		"nothing at all": {func(context.Context, func() error, *Entry) (*Entry, error) { return nil, nil }, "neither"},
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
	if s := c.Stats(); s.FillErrors != 10 || s.Fills != 10 || s.Entries != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAllWhoWaitShareTheError(t *testing.T) {
	boom := errors.New("boom")
	for name, end := range map[string]func() error{
		"error":  func() error { return boom },
		"panic":  func() error { panic("at the disco") },
		"Goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := New(Config{})
				defer c.Close()
				release := make(chan struct{})
				errs := make(chan error, 10)
				for range cap(errs) {
					go func() {
						fill := func(context.Context, func() error, *Entry) (*Entry, error) {
							<-release
							return nil, end()
						}
						_, _, err := c.Get(context.Background(), "k", fill)
						errs <- err
					}()
				}
				synctest.Wait()
				close(release)
				first := <-errs
				for range cap(errs) - 1 {
					if err := <-errs; err == nil || err != first {
						t.Errorf("%v, others got %v", err, first)
					}
				}
				if s := c.Stats(); s.Fills != 1 || s.FillErrors != 1 || s.Flights != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// abandon starts a fill that nobody waits for any more when abandon returns.
// It takes no notice, and gives an entry with body when finish is called, which
// returns when the flight has landed.
func abandon(t *testing.T, c *Cache, key Key, body string) (finish func()) {
	t.Helper()
	release := make(chan struct{})
	started := make(chan struct{})
	var f *entryFlight
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-started
		f, _ = c.flights.Lookup(key)
		cancel()
	}()
	_, _, err := c.Get(ctx, key, func(context.Context, func() error, *Entry) (*Entry, error) {
		close(started)
		<-release
		return newEntry(key, body, time.Hour), nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Flights != 0 {
		t.Fatalf("an abandoned flight can be joined: %+v", s)
	}
	return func() {
		close(release)
		<-f.Done()
	}
}

func TestAnAbandonedFillThatFinishesIsKept(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	c.ram.setting.Lock() // the RAM tier takes its time
	abandon(t, c, "k", "b")()
	first, ok := c.Lookup("k")
	if !ok || string(first.Body) != "b" {
		t.Errorf("%+v, %v", first, ok)
	}
	c.ram.setting.Unlock()
	awaitIdle(c)
	if e, ok := c.Lookup("k"); !ok || e != first {
		t.Errorf("%+v, %v", e, ok)
	}
}

// An abandoned fill that comes in late was started before the one that
// replaced it: what it brings is older.
func TestALateFillDoesNotReplaceANewerOne(t *testing.T) {
	for _, when := range []string{"after", "while it waits for the RAM tier", "while it runs"} {
		t.Run(when, func(t *testing.T) {
			c := newCache(t, Config{MaxBytes: 1 << 20})
			finishOld := abandon(t, c, "k", "old")
			if when == "while it waits for the RAM tier" {
				c.ram.setting.Lock()
			}
			fill := func(context.Context, func() error, *Entry) (*Entry, error) {
				if when == "while it runs" {
					finishOld()
				}
				return newEntry("k", "new", time.Hour), nil
			}
			_, outcome, err := c.Get(context.Background(), "k", fill)
			if err != nil || outcome != Miss {
				t.Errorf("%v, %v", outcome, err)
			}
			switch when {
			case "while it waits for the RAM tier":
				finishOld()
				c.ram.setting.Unlock()
			case "after":
				settle(c)
				finishOld()
			}
			awaitIdle(c)
			if e, ok := c.Lookup("k"); !ok || string(e.Body) != "new" {
				t.Errorf("%+v, %v", e, ok)
			}
		})
	}
}

// A refresh has nobody who waits for it, so a Close does not either.
func TestCloseEndsARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(Config{MaxBytes: 1 << 20})
		e := newEntry("k", "b", time.Second)
		e.StaleWhile = time.Hour
		if _, _, err := c.Get(context.Background(), "k", makes(e)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		ended := false
		fill := func(ctx context.Context, _ func() error, old *Entry) (*Entry, error) {
			<-ctx.Done()
			ended = old.ETag == e.ETag
			return nil, ctx.Err()
		}
		_, outcome, err := c.Get(context.Background(), "k", fill)
		if err != nil || outcome != Stale {
			t.Errorf("%v, %v", outcome, err)
		}
		start := time.Now()
		c.Close()
		if !ended || time.Since(start) > time.Second {
			t.Errorf("ended %v, after %v", ended, time.Since(start))
		}
	})
}
