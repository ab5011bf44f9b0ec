package memory

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleIsDetectedOnceAfterWork(t *testing.T) {
	const idleAfter = heapRest
	d := idleDetector{after: idleAfter}
	now := time.Unix(1e9, 0)
	fires := func(after time.Duration, busy bool, activity int64, want bool) {
		t.Helper()
		now = now.Add(after)
		if got := d.fired(now, busy, activity); got != want {
			t.Errorf("after %v more, busy %v, activity %d: %v", after, busy, activity, got)
		}
	}
	fires(0, false, 0, false)
	fires(idleAfter, false, 0, true) // what the start left behind
	fires(time.Hour, false, 0, false)
	fires(time.Second, true, 1, false)
	fires(time.Hour, true, 1, false)
	fires(time.Second, false, 1, false)
	fires(idleAfter, false, 1, true)
	fires(idleAfter, false, 1, false)
	fires(time.Second, false, 2, false) // a fill between two looks
	fires(idleAfter-1, false, 2, false)
	fires(1, false, 2, true)
	fires(time.Second, true, 2, false) // one that goes on for long
	fires(time.Second, false, 2, false)
	fires(idleAfter, false, 2, true)
}

// Watch ends with its context, and gives back after work.
func TestWatchGivesBackAfterWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := 0
		r := newGovernorRig(t, func(c *Config) {
			c.Plan = Plan{Workers: 1, Fetches: 1, Clients: 1, Sources: 1, Results: 1, Transforms: 1}
			c.OnIdle = func() { given++ }
		})
		ctx, cancel := context.WithCancel(context.Background())
		go r.Watch(ctx)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if given != 1 {
			t.Errorf("given back %d times after the start", given)
		}
		r.NoteActivity()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if given != 2 {
			t.Errorf("given back %d times after work", given)
		}
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		if given != 2 {
			t.Errorf("given back %d times without work", given)
		}
	})
}
