package sources

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// takeAll gives a host all the slots that it can have.
func takeAll(l *fetchLimiter, h *hostLimiter) (got []*budget.Grant) {
	for {
		l.mu.Lock()
		g := l.tryGrantLocked(h)
		l.mu.Unlock()
		if g == nil {
			return got
		}
		got = append(got, g)
	}
}

// Hosts that come one after the other, and take all slots that they can, leave some to the
// next one.
func TestHostsLeaveSlotsToTheNextOne(t *testing.T) {
	for _, tc := range []struct {
		capacity int64
		want     []int // for each host
	}{
		{64, []int{22, 14, 10, 6, 4, 3, 2, 1, 1, 1, 0}}, {256, []int{86, 57, 38, 25, 17}},
		{8, []int{3, 2, 1, 1, 1, 0}}, {2, []int{1, 1, 0}}, {1, []int{1, 0}},
	} {
		all, err := budget.New(budget.Config{Capacity: tc.capacity})
		if err != nil {
			t.Fatal(err)
		}
		limiter := newFetchLimiter(all)
		var got []int
		for range tc.want {
			got = append(got, len(takeAll(limiter, &hostLimiter{})))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("of %d: %v, want %v", tc.capacity, got, tc.want)
		}
	}
}

// Fetches that wait get slots as soon as there are some, for whatever reason, and leave
// nothing behind when they stop waiting.
func TestFetchesThatWaitForSlots(t *testing.T) {
	all, err := budget.New(budget.Config{Capacity: 2})
	if err != nil {
		t.Fatal(err)
	}
	limiter := newFetchLimiter(all)
	take := func(ctx context.Context, host string) (func(), error) {
		return limiter.acquireSlot(ctx, budget.NewQueueWait(slow), host, 0)
	}
	first, err := take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	second, err := take(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	queued := func(ctx context.Context, n int) chan error {
		result := make(chan error, 1)
		go func() {
			release, err := take(ctx, "c")
			if err == nil {
				release()
			}
			result <- err
		}()
		for limiter.stats().Waiting != n {
			time.Sleep(time.Millisecond)
		}
		return result
	}
	gone := errors.New("the client has left")
	ctx, leave := context.WithCancelCause(t.Context())
	result := queued(ctx, 1)
	leave(gone)
	if err := <-result; err != gone || limiter.stats().Waiting != 0 {
		t.Errorf("%v, %d wait", err, limiter.stats().Waiting)
	}
	result = queued(t.Context(), 1)
	first()
	if err := <-result; err != nil {
		t.Error(err)
	}
	third, err := take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	result = queued(t.Context(), 1)
	all.Resize(3)
	limiter.grantWaiting()
	if err := <-result; err != nil {
		t.Error(err)
	}
	second()
	third()
	if n := all.Stats().InUse; n != 0 || len(limiter.hosts) != 0 {
		t.Errorf("%d are in use, %d hosts left", n, len(limiter.hosts))
	}
}

// A fetch in the background has a slot only where no fetch waits and half of the slots, of
// the host and of all, are left. It never waits.
func TestFetchesInTheBackgroundLeaveSlots(t *testing.T) {
	all, err := budget.New(budget.Config{Capacity: 8}) // 4 for a host
	if err != nil {
		t.Fatal(err)
	}
	limiter := newFetchLimiter(all)
	take := func(ctx context.Context, host string) (func(), error) {
		return limiter.acquireSlot(ctx, budget.NewQueueWait(slow), host, 0)
	}
	background := budget.InBackground(t.Context())
	var held []func()
	for i, tc := range []struct {
		ctx  context.Context
		host string
		want error
	}{
		{background, "a", nil}, {background, "a", nil}, {background, "a", budget.ErrYielded}, // half of the host's
		{t.Context(), "a", nil}, {background, "b", nil}, {background, "c", budget.ErrYielded}, // half of all
		{t.Context(), "c", nil},
	} {
		release, err := take(tc.ctx, tc.host)
		if !errors.Is(err, tc.want) {
			t.Errorf("%d: %v, want %v", i, err, tc.want)
		}
		if err == nil {
			held = append(held, release)
		}
	}
	for _, release := range held {
		release()
	}
	if n := all.Stats().InUse; n != 0 || len(limiter.hosts) != 0 || limiter.stats().Waiting != 0 {
		t.Errorf("%d are in use, %d hosts left", n, len(limiter.hosts))
	}
}

// An origin with a bound of its own has no more fetches at the same time; others wait in its queue.
func TestBoundOfAnOrigin(t *testing.T) {
	all, err := budget.New(budget.Config{Capacity: 100})
	if err != nil {
		t.Fatal(err)
	}
	limiter := newFetchLimiter(all)
	take := func(ctx context.Context) (func(), error) {
		return limiter.acquireSlot(ctx, budget.NewQueueWait(slow), "origin small", 2)
	}
	var running []func()
	for range 2 {
		release, err := take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, release)
	}
	leaving, leave := context.WithCancel(t.Context())
	leave()
	if _, err := take(leaving); !errors.Is(err, context.Canceled) {
		t.Errorf("a third fetch: %v", err)
	}
	third := make(chan error, 1)
	go func() {
		release, err := take(t.Context())
		if err == nil {
			release()
		}
		third <- err
	}()
	running[0]()
	if err := <-third; err != nil {
		t.Error(err)
	}
	running[1]()
	if st := limiter.stats(); st.Hosts != 0 {
		t.Errorf("%+v", st)
	}
}
