package budget

import (
	"errors"
	"time"
)

// Grant is bytes that somebody holds. Its methods are safe for concurrent use.
type Grant struct {
	b     *Budget
	n     int64 // guarded by b.mu; -1 when released
	since time.Time
	// charged: nobody waited for it, and how long it is held tells nothing of what
	// is waited for.
	charged bool
}

func newGrant(b *Budget, n int64) *Grant { return &Grant{b: b, n: n, since: time.Now()} }

// Grow adds n bytes without a wait: two holders that waited for each other's
// bytes would wait for ever. It gives ErrTooLarge where the grant could never
// be that large, else ErrSaturated. A released grant does not grow.
func (g *Grant) Grow(n int64) error {
	n = max(n, 0)
	b := g.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case g.n < 0:
		return errors.New("budget: a released grant cannot grow")
	case n > b.cfg.Capacity-g.n:
		b.stats.TooLarge++
		return ErrTooLarge
	case !b.fits(n):
		b.stats.Shed++
		return ErrSaturated
	}
	b.take(n)
	g.n += n
	return nil
}

// Shrink gives back all but n bytes. A grant of less, or a released one, stays
// as it is.
func (g *Grant) Shrink(n int64) {
	n = max(n, 0)
	b := g.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if g.n <= n {
		return
	}
	b.stats.InUse -= g.n - n
	g.n = n
	b.given()
}

// Bytes is what the grant holds; 0 after Release.
func (g *Grant) Bytes() int64 {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	return max(g.n, 0)
}

// Release gives the bytes back. More calls than one do no harm.
func (g *Grant) Release() {
	b := g.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if g.n < 0 {
		return
	}
	b.stats.InUse -= g.n
	if !g.charged {
		b.hold.add(time.Since(g.since), float64(g.n)/float64(b.cfg.Capacity))
	}
	g.n = -1
	b.given()
}

// holdTime is the mean time that grants were held lately, by bytes: one of
// the whole capacity counts as much as a hundred of a hundredth.
type holdTime struct {
	sum    float64 // nanoseconds, weighted
	weight float64 // of what is in the sum, 0 to 1
}

const (
	// memory is how many whole capacities, held and given back, the mean goes
	// back.
	memory = 8
	// enough is the weight from which on the mean says anything: about that of
	// two whole capacities. The first work after a start is slow, and who is
	// shed for nothing has lost more than who waits for nothing.
	enough = 0.2
)

func (h *holdTime) add(d time.Duration, share float64) {
	part := min(share, 1) / memory // the capacity may be less than when it was granted
	h.sum += (float64(d) - h.sum) * part
	h.weight += (1 - h.weight) * part
}

// mean is 0 where too little is known.
func (h *holdTime) mean() time.Duration {
	if h.weight < enough {
		return 0
	}
	return time.Duration(h.sum / h.weight)
}
