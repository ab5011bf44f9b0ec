package cache

import (
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// doorkeeper has the keys that were lately found in a lower tier, of those that
// share a place the last one. A full RAM tier is worth the copying only for what
// is asked for again soon: of more than it can hold most would be refused.
type doorkeeper [4096]atomic.Uint64

// seen reports whether a key was found lately, and remembers it.
func (w *doorkeeper) seen(key Key) bool {
	h := xxhash.Sum64String(string(key))
	return w[h%uint64(len(w))].Swap(h) == h
}

// forget makes has report false, until the key is seen again.
func (w *doorkeeper) forget(key Key) {
	h := xxhash.Sum64String(string(key))
	w[h%uint64(len(w))].CompareAndSwap(h, 0)
}

// has reports whether a key was the last one that was seen in its place.
func (w *doorkeeper) has(key Key) bool {
	h := xxhash.Sum64String(string(key))
	return w[h%uint64(len(w))].Load() == h
}
