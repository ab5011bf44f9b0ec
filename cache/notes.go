package cache

import (
	"crypto/sha256"
	"errors"
	"time"
)

// maxNotes bounds what is known of keys without entries, at some 300 bytes each,
// however long the keys are.
const maxNotes = 4096

// digest stands for a key.
type digest [sha256.Size]byte

func digestOf(key Key) digest { return sha256.Sum256([]byte(key)) }

const (
	// retryAfter is how long after a refresh that failed the next one is tried.
	retryAfter = time.Second
	// bypassFor is for how long a key is taken for one whose entries may not be
	// kept (Varnish's hit-for-miss).
	bypassFor = 30 * time.Second
)

// Class says what an error means for those who ask after it.
type Class struct {
	// For is for how long they get the same one; 0 for not at all.
	For time.Duration
	// Stale says that an entry that is no longer fresh may take its place.
	Stale bool
	// Own says that it is of nobody but who caused the fill: whoever joined it
	// tries anew.
	Own bool
}

// truth says whether an error tells of what there is now, and not only that it
// could not be found out: nothing older is an answer then.
func (c *Cache) truth(err error) bool {
	class := c.cfg.Classify(err)
	return class.For > 0 && !class.Stale
}

// Remembered is an error that a fill gave before.
type Remembered struct{ Err error }

func (e *Remembered) Error() string { return e.Err.Error() }

// Unwrap is the error.
func (e *Remembered) Unwrap() error { return e.Err }

// note is what is known of a key.
type note struct {
	until time.Time
	// seq is the purge clock's when it was made. Any purge may mean what it is
	// about, so it ends with the next one.
	seq uint64
	// err is what the last fill failed with; where background is set it is only
	// a reason not to refresh.
	err        error
	background bool
	// bypass: its entries may not be kept.
	bypass bool
}

// noted is what is known of a key now.
func (c *Cache) noted(key Key) note {
	n, ok := c.notes.Get(digestOf(key))
	if !ok || !c.cfg.Now().Before(n.until) || n.seq != c.cfg.Clock.Applied() {
		return note{}
	}
	if n.err != nil && !n.background {
		c.count(func(s *Stats) { s.Remembered++ })
	}
	return n
}

// take notes how a flight ended.
func (c *Cache) take(key Key, f *flight) {
	var known *Remembered
	n := note{seq: f.seq}
	until := c.cfg.Now()
	switch {
	case f.err == nil && f.entry.NoStore:
		n.bypass, until = true, until.Add(bypassFor)
	case f.err == nil:
		c.notes.Remove(digestOf(key))
		return
	case errors.As(f.err, &known): // it is remembered where it comes from
		n.err, n.background = f.err, true
		until = until.Add(retryAfter)
	default:
		n.err = f.err
		class := c.cfg.Classify(f.err)
		n.background = class.For <= 0
		until = until.Add(max(class.For, retryAfter))
	}
	n.until = until
	c.notes.Add(digestOf(key), n)
}
