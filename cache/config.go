package cache

import (
	"context"
	"errors"
	"time"

	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// Config configures a Cache.
type Config struct {
	// MaxBytes bounds what the RAM tier keeps, by Entry.Cost. 0 means that
	// nothing is kept; fills are still made once for all who ask meanwhile.
	MaxBytes int64
	// MaxEntryBytes bounds one entry of the RAM tier, by Entry.Cost; 0 means an
	// eighth of MaxBytes or, with a Lower tier to keep it, a fiftieth, up to 2
	// MiB; but at least 1 MiB. In any case it is at most MaxBytes.
	MaxEntryBytes int64
	// Lower are the tiers below the RAM tier, the first one asked first. The
	// Cache closes them.
	Lower []Tier
	// Bucket is the tier that servers share; nil for none. The Cache closes it.
	Bucket *Bucket
	// Clock knows the purges; nil for one without a log.
	Clock *purge.Clock
	// Pixels is the version of the code that makes pixels. An entry of another one is
	// stale, however young.
	Pixels int
	// Classify says what the error of a fill means for later requests; nil means that
	// no error is remembered, nor makes way for a stale entry.
	Classify func(error) ErrorClass
	// FillTimeout bounds a fill; 0 means 30 s. See SetFillTimeout.
	FillTimeout time.Duration
	// StaleWait is how long a fill may take before those who wait for it are given
	// an entry that may take its place, where there is one; 0 means 3 s.
	StaleWait time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	hash keyHash // tests make keys collide
}

// Fill makes a missing entry. Its context ends with FillTimeout or, until commit is called, when the last client that
// waits has left. A fill calls commit before the work that is too dear to throw away: from then on it goes on without
// clients, and later requests join it. Where the context has ended, commit returns its cause. old is the entry that is
// there and no longer fresh, without its bytes, or nil; see Entry.Renew.
type Fill func(ctx context.Context, commit func() error, old *Entry) (*Entry, error)

// Outcome says how a Get was answered, in the words of RFC 9211.
type Outcome uint8

const (
	// Hit: the entry was there.
	Hit Outcome = iota
	// Miss: this client's request caused the fill.
	Miss
	// Collapsed: a fill under way, caused by another request, gave the answer.
	Collapsed
	// Expired: as Miss, and there was an entry that was no longer fresh.
	Expired
	// Stale: an entry that is no longer fresh, while it is made anew.
	Stale
	// StaleError: such an entry, because a new one could not be made in time.
	StaleError
	// Bypassed: as Miss, of a key whose entries must not be kept, so that no request
	// waits for the fill of another one.
	Bypassed
)

// String is the outcome in small letters.
func (o Outcome) String() string {
	return [...]string{"hit", "miss", "collapsed", "expired", "stale", "stale-if-error", "bypassed"}[min(o, Bypassed)]
}

// ErrClosed: the cache was closed.
var ErrClosed = errors.New("cache is closed")

// keyHash places a key: primary decides the slot, conflict is compared there.
type keyHash func(key string) (primary, conflict uint64)

// ErrorClass says what an error means for other requests.
type ErrorClass struct {
	// For is for how long later requests get the same error; 0 for not at all.
	For time.Duration
	// Stale says that an entry that is no longer fresh may take its place.
	Stale bool
	// LeaderOnly says that the error concerns only the request that caused the fill. Its followers try anew.
	LeaderOnly bool
}

// Remembered is an error that a fill gave before.
type Remembered struct{ Err error }

func (e *Remembered) Error() string { return e.Err.Error() }

// Unwrap is the error.
func (e *Remembered) Unwrap() error { return e.Err }

// entryFlight is one fill that runs, and the requests that wait for it.
type entryFlight = flight.Flight[Key, *Entry]
