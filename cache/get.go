package cache

import (
	"context"
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// Get answers from the cache, from a fill under way, or from a new one. It
// waits until ctx ends, whose cause is then the error; else errors are fill's
// own, or a Remembered one. The caller closes the entry.
func (c *Cache) Get(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	for {
		e, outcome, err := c.tryGet(ctx, key, fill)
		if !errors.Is(err, errRetryLookup) {
			return e, outcome, err
		}
		if ctx.Err() != nil {
			return nil, Miss, context.Cause(ctx)
		}
	}
}

// GetFromRAM is Get where that takes nothing but a lookup: the RAM tier has a fresh entry with content, and it is not
// time to refresh it. Where there is none the caller calls Get. The entry needs no Close.
func (c *Cache) GetFromRAM(key Key) (*Entry, bool) {
	e, ok := c.ram.Get(context.Background(), key)
	if !ok || !e.Held() || len(e.Body) == 0 {
		return nil, false
	}
	now := c.cfg.Now()
	if c.stateAt(e, now) != fresh || e.isDueForRefresh(now) {
		return nil, false
	}
	c.markUsed(e, now)
	c.countHit(e)
	return e, true
}

// GetStored is Get where that takes no wait for a fill: there is an entry that is fresh, or stale and served while
// fill makes it anew. Else the entry is nil, and mayFind says whether a Get with a fill that makes nothing may still
// find one: an entry that its origin may say to be still right, or one that other servers share. It is false while a
// fill of the key is under way, for which a Get would wait.
func (c *Cache) GetStored(ctx context.Context, key Key, fill Fill) (e *Entry, outcome Outcome, mayFind bool) {
	e, s := c.findUsable(ctx, key)
	if s >= stale {
		return e, c.answerStored(key, fill, e, s), false
	}
	if f, settled := c.flights.Lookup(key); f == nil || settled {
		mayFind = e != nil || c.cfg.Bucket != nil && !key.IsVariant()
	}
	if e != nil {
		e.Close()
	}
	return nil, Miss, mayFind
}

// answerStored counts an entry that answers a request without a wait, and has it made anew where it is time.
func (c *Cache) answerStored(key Key, fill Fill, e *Entry, s state) Outcome {
	if s == fresh {
		c.countHit(e)
		if e.isDueForRefresh(c.cfg.Now()) {
			c.refreshAhead(key, fill, e)
		}
		return Hit
	}
	c.updateStats(func(s *Stats) { s.Stale++ })
	c.refreshAhead(key, fill, e)
	return Stale
}

// isDueForRefresh says whether a hit has the entry made anew.
func (e *Entry) isDueForRefresh(now time.Time) bool {
	return !e.Refresh.IsZero() && !now.Before(e.Refresh)
}

// tryGet is one attempt of Get.
func (c *Cache) tryGet(ctx context.Context, key Key, fill Fill) (*Entry, Outcome, error) {
	a := attempt{completionsAtLookup: c.flights.Completions(key), arrivedAtSeq: c.cfg.Clock.Applied()}
	e, s := c.findUsable(ctx, key)
	switch {
	case e == nil && ctx.Err() != nil: // perhaps it was not found for that
		return nil, Miss, context.Cause(ctx)
	case s >= stale:
		return e, c.answerStored(key, fill, e, s), nil
	}
	n := c.negativeEntry(key)
	if n.err != nil && !n.background {
		return c.staleFallback(e, s, Miss, &Remembered{n.err})
	}
	a.found, a.state = e, s
	// A flight under way may have begun before a purge that this server has not heard of.
	a.bypass = n.bypass || c.cfg.Clock.Doubt(c.cfg.Now()) == purge.Revalidate
	f, outcome, err := c.joinFlight(key, fill, a)
	if err != nil {
		return c.staleFallback(e, gone, Miss, err)
	}
	if err := c.waitForFlight(ctx, f, outcome, a); err != nil {
		return c.staleFallback(e, s, outcome, err)
	}
	got, outcome, err := c.resultFor(ctx, f, outcome, e)
	if e != nil && (got == nil || got.file != e.file) {
		e.Close()
	}
	return got, outcome, err
}

// waitForFlight waits for a flight to be done. A request that has a stale entry to fall back to waits only StaleWait,
// and the flight goes on without it. A follower looks again after an error that concerns the leader alone, and after
// one that tells of the time before a purge after which the follower came.
func (c *Cache) waitForFlight(ctx context.Context, f *entryFlight, outcome Outcome, a attempt) error {
	var late <-chan time.Time
	if a.state == staleError {
		t := time.NewTimer(c.cfg.StaleWait - time.Since(f.Started))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-f.Done():
		leader := outcome != Collapsed
		switch _, err := f.Outcome(leader); {
		case errors.Is(err, flight.ErrRetryLookup), err != nil && !leader && f.Seq < a.arrivedAtSeq:
			return errRetryLookup
		default:
			return err
		}
	case <-late:
		f.Detach()
		return errLate
	case <-ctx.Done():
		f.Leave()
		return context.Cause(ctx)
	}
}

// errLate: StaleWait is over.
var errLate = errors.New("the fill is late")

// resultFor is what a flight made, if it is an answer for this request. The purges are looked at once more: the flight
// may have been under way before the request came, and the purge in between. old is the entry that the request found,
// which may have the bytes that the flight found to be still right.
func (c *Cache) resultFor(ctx context.Context, f *entryFlight, outcome Outcome, old *Entry) (*Entry, Outcome, error) {
	e := f.Value
	switch hard, _ := c.purgedAt(e); {
	case e.Seq < hard:
		return nil, outcome, errRetryLookup
	case e.NoStore && outcome == Collapsed:
		return nil, outcome, errRetryLookup // it is another request's (RFC 9111 §4)
	case e.renewed && e.Body == nil && old != nil && old.InFile() && old.ETag == e.ETag:
		e = e.metadata()
		e.file = old.file
	case e.renewed && e.Body == nil:
		e = c.openInFile(ctx, e)
	}
	if e == nil {
		return nil, outcome, errRetryLookup
	}
	return e, outcome, nil
}

// staleFallback is the entry that is served in place of an error, where there is one that may be. It was found before
// the wait, so the purges are looked at once more.
func (c *Cache) staleFallback(e *Entry, s state, outcome Outcome, err error) (*Entry, Outcome, error) {
	if e == nil {
		return nil, outcome, err
	}
	mayServe := !errors.Is(err, errRetryLookup) && (errors.Is(err, errLate) || c.cfg.Classify(err).Stale)
	if s == staleError && mayServe {
		if c.Holds(e, StaleError) {
			c.updateStats(func(s *Stats) { s.StaleErrors++ })
			return e, StaleError, nil
		}
		err = errRetryLookup
	}
	e.Close()
	return nil, outcome, err
}

// Holds says whether an answer of Get still is one. It is not after its entry was purged, except for a soft purge of an
// entry that was served stale anyhow. A caller that waits between Get and the first byte asks, and calls Get again.
func (c *Cache) Holds(e *Entry, o Outcome) bool {
	hard, soft := c.purgedAt(e)
	return e.Seq >= hard && (e.Seq >= soft || o == Stale || o == StaleError)
}

// storeWait bounds how long a reader waits for the tiers to take what was just
// made: on a disk that is well it takes milliseconds.
const storeWait = time.Second

// Stored waits until the tiers have taken an entry that was just made. Where the
// RAM tier has not, it gives the same entry in a file of a lower tier, if it is in
// one, so that the bytes in memory can go; else e.
func (c *Cache) Stored(ctx context.Context, e *Entry) *Entry {
	if e.InFile() || e.NoStore {
		return e
	}
	if f, settled := c.flights.Lookup(e.Key); settled && f.Value == e {
		t := time.NewTimer(storeWait)
		defer t.Stop()
		select {
		case <-f.Finished():
		case <-t.C:
			return e
		case <-ctx.Done():
			return e
		}
	}
	if e.Held() {
		return e
	}
	if in := c.openInFile(ctx, e); in != nil {
		return in
	}
	return e
}
