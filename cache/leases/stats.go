package leases

import "sync/atomic"

// Stats are figures of a Leases, since Open.
type Stats struct {
	// Held are leases that this server got, and HandedOver those of them whose result other servers could take.
	Held, HandedOver uint64
	// Waits are how often this server waited for another one, Taken how often it took what that handed
	// over, and Late how often the other one took too long.
	Waits, Taken, Late uint64
	// Failures are calls of Redis that failed.
	Failures uint64
}

// figures are Stats in the making.
type figures struct{ held, handedOver, waits, taken, late, failures atomic.Uint64 }

// Stats are the figures.
func (l *Leases) Stats() Stats {
	f := &l.figures
	return Stats{
		Held: f.held.Load(), HandedOver: f.handedOver.Load(), Waits: f.waits.Load(), Taken: f.taken.Load(),
		Late: f.late.Load(), Failures: f.failures.Load(),
	}
}
