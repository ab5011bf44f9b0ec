package purge

import (
	"sync/atomic"
	"time"
)

// Doubt is what a server does with entries while it cannot hear of purges.
type Doubt uint8

const (
	// Serve serves them as if all were well.
	Serve Doubt = iota
	// ServeStale makes them stale: they are served, and made anew, as long as their stale windows allow.
	ServeStale
	// Revalidate serves none before its origin was asked.
	Revalidate
)

// DoubtNames are the names of these, in their order.
var DoubtNames = []string{"serve", "stale", "revalidate"}

// String is its name.
func (d Doubt) String() string { return DoubtNames[min(d, Revalidate)] }

// ParseDoubt reads one of DoubtNames.
func ParseDoubt(s string) (Doubt, bool) {
	for i, name := range DoubtNames {
		if s == name {
			return Doubt(i), true
		}
	}
	return 0, false
}

// lease is until when a clock has heard of all purges that any server has confirmed.
type lease struct {
	until time.Time // with its monotonic reading, which stops while the machine sleeps
	// policy holds behind until.
	policy Doubt
	// retired: it ended because another process goes on with the log.
	retired bool
}

// over says whether the lease has ended. A wall clock that was set back extends it by nothing, as the
// monotonic one counts, too; a machine that slept has a wall clock that knows.
func (l *lease) over(now time.Time) bool {
	return !now.Before(l.until) || !now.Round(0).Before(l.until.Round(0))
}

// leaseOf holds the lease of a clock; nil is that of a clock without a bus, which never ends.
type leaseOf struct{ atomic.Pointer[lease] }

// InDoubt says whether the clock has not heard of its bus for longer than it may, whatever the policy.
func (c *Clock) InDoubt(now time.Time) bool {
	l := c.lease.Load()
	return l != nil && l.over(now) && !l.retired
}

// Retire is for a clock whose log another process takes over, of whose purges this one does not hear. From then on no
// entry is an answer before its origin was asked.
func (c *Clock) Retire() {
	c.lease.Store(&lease{until: c.cfg.Now(), policy: Revalidate, retired: true})
}

// Doubt is what to do with entries at a time: Serve, where the clock has heard of all purges, or where it
// could not for longer than it may, the policy for that.
func (c *Clock) Doubt(now time.Time) Doubt {
	l := c.lease.Load()
	if l == nil || !l.over(now) {
		return Serve
	}
	return l.policy
}

// DoubtNow is Doubt by the clock's own time.
func (c *Clock) DoubtNow() Doubt { return c.Doubt(c.cfg.Now()) }
