package budget

import (
	"errors"
	"time"
)

// Grant is bytes that a caller holds. Its methods are safe for concurrent use.
type Grant struct {
	b     *Budget
	n     int64 // guarded by b.mu; -1 when released
	since time.Time
	// charged: no request waited for it, so how long it is held does not predict the
	// wait of others.
	charged bool
}

func newGrant(b *Budget, n int64) *Grant { return &Grant{b: b, n: n, since: time.Now()} }

// Grow adds n bytes without a wait: two holders that waited for each other's
// bytes would wait for ever. The error is ErrTooLarge where the grant could never
// be that large, else ErrSaturated. A released grant does not grow.
func (g *Grant) Grow(n int64) error {
	b := g.b
	b.mu.Lock()
	defer b.mu.Unlock()
	err := g.growLocked(n)
	switch {
	case errors.Is(err, ErrTooLarge):
		b.stats.TooLarge++
	case errors.Is(err, ErrSaturated):
		b.countShed(NoRoom, false)
	}
	return err
}

// TryGrow is Grow for a holder that can do without the bytes: what it does not get counts
// as nothing that was refused.
func (g *Grant) TryGrow(n int64) error {
	g.b.mu.Lock()
	defer g.b.mu.Unlock()
	return g.growLocked(n)
}

func (g *Grant) growLocked(n int64) error {
	n = max(n, 0)
	b := g.b
	switch {
	case g.n < 0:
		return errors.New("budget: a released grant cannot grow")
	case n > b.cfg.Capacity-g.n:
		return ErrTooLarge
	case !b.fits(n):
		return ErrSaturated
	}
	b.addInUse(n)
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
	b.bytesReturned()
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
	none := g.n == 0
	g.n = -1
	if !none {
		b.bytesReturned()
	}
}

// holdTime is the mean time that grants were held lately, by bytes: one of
// the whole capacity counts as much as a hundred of a hundredth.
type holdTime struct {
	sum    float64 // nanoseconds, weighted
	weight float64 // of what is in the sum, 0 to 1
}

const (
	// meanWindow is over how many whole capacities, held and given back, the mean is.
	meanWindow = 8
	// minWeight is the weight from which on the mean counts: about that of two whole
	// capacities. The first work after a start is slow, and a request that is shed
	// without need has lost more than one that waits in vain.
	minWeight = 0.2
)

func (h *holdTime) add(d time.Duration, share float64) {
	part := min(share, 1) / meanWindow // the capacity may be less than when it was granted
	h.sum += (float64(d) - h.sum) * part
	h.weight += (1 - h.weight) * part
}

// mean is 0 where too little is known.
func (h *holdTime) mean() time.Duration {
	if h.weight < minWeight {
		return 0
	}
	return time.Duration(h.sum / h.weight)
}
