package budget

import (
	"context"
	"errors"
)

// ErrYielded: background work got no grant, because others wait or would have too little
// left. It may be tried again later.
var ErrYielded = errors.New("background work yields")

type backgroundKey struct{}

// InBackground marks the work of a context as background work, which no request waits for.
// It never waits in a queue: Acquire grants it only what others can spare now, else the
// error is ErrYielded. To spare means that no request waits, and that a half of the
// capacity is left afterwards, or that nothing was in use before: so work that needs more
// than a half is done all the same while there is no other.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// IsBackground says whether a context is marked by InBackground.
func IsBackground(ctx context.Context) bool { return ctx.Value(backgroundKey{}) != nil }

// acquireSpare is Acquire for background work.
func (b *Budget) acquireSpare(ctx context.Context, n int64) (*Grant, error) {
	n = max(n, 0)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case n > b.cfg.Capacity:
		b.countTooLarge(isOptional(ctx))
		return nil, ErrTooLarge
	case n > 0 && ctx.Err() != nil:
		b.stats.Cancelled++
		return nil, context.Cause(ctx)
	case n > 0 && !b.canSpareLocked(n):
		return nil, ErrYielded
	}
	b.grantBytes(n)
	return newGrant(b, n), nil
}

// CanSpare says whether background work would be granted n bytes now.
func (b *Budget) CanSpare(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.canSpareLocked(n)
}

func (b *Budget) canSpareLocked(n int64) bool {
	leavesHalf := b.stats.InUse == 0 || n <= b.cfg.Capacity/2-b.stats.InUse
	return b.queue.Len() == 0 && b.fits(n) && leavesHalf
}
