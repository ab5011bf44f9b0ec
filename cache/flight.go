package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/cache/flight"
)

// filling is the work of a flight: it makes the entry of a key, and has the tiers store it.
type filling struct {
	cache *Cache
	key   Key
	fill  Fill
	// old is the entry that the fill may find to be still right, without its bytes; nil for none.
	old *Entry
	// made is the entry that the fill returned, valid or not.
	made     *Entry
	returned bool
}

// attempt has the facts that one attempt of Get joins a flight with.
type attempt struct {
	// found is the entry that the lookup found, and state what it is good for.
	found *Entry
	state state
	// completionsAtLookup and arrivedAtSeq were read before the lookup.
	completionsAtLookup flight.Completions
	arrivedAtSeq        uint64
	// bypass has the request fill the key without singleflight.
	bypass bool
}

// errRetryLookup: the answer that an attempt found is none any more, and another lookup may find one.
var errRetryLookup = errors.New("look again")

// joinFlight finds the flight of a key, or starts it.
func (c *Cache) joinFlight(key Key, fill Fill, a attempt) (*entryFlight, Outcome, error) {
	work := &filling{cache: c, key: key, fill: fill, old: a.found}
	f, leader, err := c.flights.Join(key, work, flight.Caller[Key, *Entry]{
		CompletionsAtLookup: a.completionsAtLookup, Bypass: a.bypass,
	})
	outcome := Miss
	switch {
	case errors.Is(err, flight.ErrClosed):
		return nil, Miss, ErrClosed
	case err != nil:
		return nil, Miss, errRetryLookup
	case !leader:
		outcome = Collapsed
	case a.bypass:
		outcome = Bypassed
	case a.found != nil:
		outcome = Expired
	}
	c.updateStats(func(s *Stats) {
		switch {
		case !leader:
			s.Collapsed++
			return
		case a.bypass:
			s.Bypassed++
		}
		s.Misses++
		s.Fills++
	})
	return f, outcome, nil
}

// refreshAhead starts a flight that no request waits for, unless one runs already, or the last one failed a moment ago.
func (c *Cache) refreshAhead(key Key, fill Fill, old *Entry) {
	if n := c.negativeEntry(key); n.err != nil {
		return
	}
	if c.flights.Start(key, &filling{cache: c, key: key, fill: fill, old: old}) {
		c.updateStats(func(s *Stats) {
			s.Refreshes++
			s.Fills++
		})
	}
}

// Run implements flight.Work.
func (w *filling) Run(ctx context.Context, f *entryFlight) (e *Entry, err error) {
	if found := w.old; found != nil {
		w.old = found.metadata()
		w.old.Body, w.old.bodyRefs = found.Body, found.bodyRefs
	}
	w.made, err = w.fill(ctx, f.Commit, w.old)
	e, err = validateResult(w.key, w.made, err)
	w.returned = true
	return e, err
}

// validateResult refuses a result that must not be handed out as the entry of a key.
func validateResult(key Key, e *Entry, err error) (*Entry, error) {
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, errors.New("fill gave neither an entry nor an error")
	case e.Key != key:
		return nil, errors.New("fill gave the entry of another key")
	}
	e.readState = &readState{}
	if e.bodyRefs == nil {
		e.bodyRefs = &bodyRefs{}
	}
	if e.Body == nil && !e.renewed {
		e.Body = []byte{} // no body at all means that it is in a lower tier
	}
	return e, nil
}

// Complete implements flight.Work. It lets the requests go that wait, then stores the entry. The flight stays in the
// table in between, so that the next request finds the entry there. An entry whose bytes are in a lower tier is of no
// use before its metadata is there, too, so it is stored first. A flight that shows that the old entry is invalid stays
// in the table until that is gone from all tiers.
func (w *filling) Complete(f *entryFlight) {
	c := w.cache
	if !w.returned {
		f.Err = fmt.Errorf("fill %w", f.Err) // it panicked
	}
	c.recordOutcome(w.key, f)
	if f.Err == nil && !f.Value.NoStore && c.stateOf(f.Value) > gone && f.Settle() {
		w.storeResult(f)
	} else {
		w.discardResult(f)
	}
	if w.made != nil && c.watcher != nil {
		c.watcher.Landed(w.made)
	}
}

// Release implements flight.Work.
func (w *filling) Release(*entryFlight) {}

func (w *filling) storeResult(f *entryFlight) {
	c, e := w.cache, f.Value
	write := false
	c.updateStats(func(s *Stats) {
		if e.renewed {
			s.Renewed++
		}
		write = s.PendingBytes <= writeBehind
		s.PendingBytes += e.Cost()
	})
	inLowerTier := e.Body == nil
	if inLowerTier {
		c.storeEntry(e, true)
	}
	f.Deliver()
	if !inLowerTier {
		c.storeEntry(e, write)
	}
	if c.cfg.Bucket != nil {
		c.cfg.Bucket.filled(e, w.old != nil)
	}
	c.updateStats(func(s *Stats) { s.PendingBytes -= e.Cost() })
	f.Forget()
}

func (w *filling) discardResult(f *entryFlight) {
	c := w.cache
	if f.Err != nil {
		c.updateStats(func(s *Stats) { s.FillErrors++ })
	}
	if w.old != nil && c.invalidatesOld(f) {
		c.dropEverywhere(w.key)
		if c.cfg.Bucket != nil && !w.key.IsVariant() {
			c.cfg.Bucket.drop(w.old)
		}
	}
	f.Forget()
	f.Deliver()
}

// invalidatesOld says whether a flight shows that the old entry is no answer any more: its source does not exist, or
// must not be shared.
func (c *Cache) invalidatesOld(f *entryFlight) bool {
	if f.Err != nil {
		return c.isAuthoritative(f.Err)
	}
	return f.Value.NoStore
}

// dropEverywhere drops an entry in all tiers.
func (c *Cache) dropEverywhere(key Key) {
	c.ram.Drop(key)
	for _, t := range c.cfg.Lower {
		t.Drop(key)
	}
}

// writeBehind bounds the bytes that wait for the lower tiers. What comes beyond that is not written to them.
const writeBehind = 8 << 20

// storeEntry gives an entry to the tiers.
func (c *Cache) storeEntry(e *Entry, write bool) {
	taken := e.Body != nil && c.ram.Put(e)
	if !taken {
		// A promotion may have put an older one there meanwhile.
		defer c.ram.Drop(e.Key)
	}
	for _, t := range c.cfg.Lower {
		switch {
		case !write:
			// The entry that the key has is older than the one that is not written.
			t.Drop(e.Key)
			c.updateStats(func(s *Stats) { s.Unwritten++ })
		case e.renewed && t.Renew(e):
		case e.Body != nil:
			t.Put(e)
		default:
			t.Drop(e.Key) // or every lookup would find that it is not fresh
		}
	}
}
