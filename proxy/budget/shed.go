package budget

import "context"

// ShedReason is why a request was shed.
type ShedReason uint8

// The reasons.
const (
	// QueueFull: as many requests as may wait did.
	QueueFull ShedReason = iota
	// TooSlow: by how long grants were held lately, the wait would have been too long.
	TooSlow
	// Waited: the wait was too long.
	Waited
	// NoRoom: there was no room at once, for a request that does not wait.
	NoRoom

	shedReasons
)

// String is the reason in small letters.
func (r ShedReason) String() string {
	return [...]string{"queue-full", "too-slow", "waited", "no-room"}[min(r, NoRoom)]
}

// ShedBy counts the requests that were shed, by reason. Together they are Stats.Shed.
func (b *Budget) ShedBy() map[ShedReason]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := map[ShedReason]uint64{}
	for r, n := range b.shed {
		counts[ShedReason(r)] = n
	}
	return counts
}

type optionalKey struct{}

// Optional marks the requests of a context as those of work that goes on in another way where they are not granted.
// Their errors are the same ones, but nothing was shed then: they are counted as Declined.
func Optional(ctx context.Context) context.Context {
	return context.WithValue(ctx, optionalKey{}, true)
}

func isOptional(ctx context.Context) bool { return ctx.Value(optionalKey{}) != nil }

// countTooLarge counts a request of more than the whole capacity. The lock is held.
func (b *Budget) countTooLarge(optional bool) {
	if optional {
		b.stats.Declined++
		return
	}
	b.stats.TooLarge++
}

// countShed counts a request that was shed. The lock is held.
func (b *Budget) countShed(r ShedReason, optional bool) {
	if optional {
		b.stats.Declined++
		return
	}
	b.stats.Shed++
	b.shed[r]++
}
