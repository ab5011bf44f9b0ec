package budget

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestModel compares with a model: whatever happens in whatever order, grants
// stay within the capacity, the front of the queue waits only for what does
// not fit, none is granted during a pause, and in the end nothing is in use.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		capacity := rapid.Int64Range(1, 50).Draw(rt, "capacity")
		steps := rapid.SliceOfN(rapid.IntRange(0, 999), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			m := &model{T: t, capacity: capacity, b: newBudget(t, Config{Capacity: capacity, MaxWait: time.Hour})}
			for _, step := range steps {
				m.step(step%16, int64(step/4))
				m.check()
			}
			m.end()
		})
	})
}

// model is what a budget must look like from outside.
type model struct {
	*testing.T
	b        *Budget
	capacity int64
	waiting  []*request
	held     []*Grant
	// resume ends a pause, nil where there is none; paused is how many held
	// something when it began, less those who have left.
	resume func()
	paused int
}

type request struct {
	n      int64
	cancel context.CancelFunc
	done   chan *Grant
}

// step does one of the things that can be done, with k to choose how.
func (m *model) step(what int, k int64) {
	switch {
	case what%4 <= 1:
		m.acquire(1 + k%m.capacity)
	case what == 2:
		// Whoever holds more than the new capacity keeps it.
		if n := 1 + k%50; n >= m.b.Stats().InUse {
			m.capacity = n
			m.b.Resize(n)
		}
	case what == 11 && m.resume == nil:
		m.resume, m.paused = m.b.Pause(), len(m.held)
	case what == 11:
		m.resume()
		m.resume = nil
	case what%4 == 2 && len(m.held) > 0:
		m.change(what, m.held[int(k)%len(m.held)], k)
	case len(m.waiting) > 0:
		m.waiting[int(k)%len(m.waiting)].cancel()
	}
}

func (m *model) acquire(n int64) {
	r := &request{n: n, done: make(chan *Grant, 1)}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	m.waiting = append(m.waiting, r)
	go func() { g, _ := m.b.Acquire(ctx, r.n); r.done <- g }()
}

// change grows, shrinks or releases a grant.
func (m *model) change(what int, g *Grant, k int64) {
	before := g.Bytes()
	switch what {
	case 6:
		by := k % 10
		fits := m.resume == nil && by <= m.capacity-m.b.Stats().InUse
		if err := g.Grow(by); (err == nil) != fits || err != nil && g.Bytes() != before ||
			err == nil && g.Bytes() != before+by {
			m.Fatalf("%d grew by %d of %d to %d: %v", before, by, m.capacity, g.Bytes(), err)
		}
	case 10:
		to := k % 50
		if g.Shrink(to); g.Bytes() != min(before, to) {
			m.Fatalf("%d shrank to %d: %d", before, to, g.Bytes())
		}
	default:
		g.Release()
		m.held = slices.DeleteFunc(m.held, func(other *Grant) bool { return other == g })
		m.paused = min(m.paused, len(m.held))
	}
}

func (m *model) check() {
	synctest.Wait()
	var still []*request
	for _, r := range m.waiting {
		select {
		case g := <-r.done:
			if g != nil {
				m.held = append(m.held, g)
			}
		default:
			still = append(still, r)
		}
	}
	m.waiting = still
	if m.resume != nil && len(m.held) > m.paused {
		m.Fatal("granted in a pause")
	}
	var sum int64
	for _, g := range m.held {
		sum += g.Bytes()
	}
	s := m.b.Stats()
	if sum != s.InUse || sum > m.capacity || s.Waiting != len(m.waiting) {
		m.Fatalf("held %d of %d, waiting %d, stats %+v", sum, m.capacity, len(m.waiting), s)
	}
	if m.resume == nil && len(m.waiting) > 0 && m.waiting[0].n <= m.capacity-sum {
		m.Fatalf("the first in the queue wants %d and %d are free", m.waiting[0].n, m.capacity-sum)
	}
}

func (m *model) end() {
	if m.resume != nil {
		m.resume()
		m.resume = nil
	}
	for _, r := range m.waiting {
		r.cancel()
	}
	m.check()
	for _, g := range m.held {
		g.Release()
	}
	if s := m.b.Stats(); s.InUse != 0 || s.Waiting != 0 || s.WaitingBytes != 0 {
		m.Fatalf("in the end %+v", s)
	}
}
