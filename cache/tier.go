package cache

import "context"

// Tier keeps entries under their keys. It may lose any of them at any time, and
// never gives one for another's key. It is safe for concurrent use.
type Tier interface {
	// Get finds an entry, whose Close the caller calls. Where ctx ends first there
	// is none.
	Get(context.Context, Key) (*Entry, bool)
	// Put takes an entry in place of what its key had, or refuses it.
	Put(*Entry) bool
	// Renew gives what the key has the facts of an entry of the same bytes. It
	// reports whether there is anything.
	Renew(*Entry) bool
	// Use says that an entry of the key was used, though not this tier's.
	Use(Key)
	// Drop forgets what the key has.
	Drop(Key)
	// Close comes after all else.
	Close()
}
