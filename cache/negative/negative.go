// Package negative remembers for a short time what is known of keys that have no entry: that a fill failed, or that
// its result must not be kept (RFC 2308 calls such knowledge negative).
//
// What it guarantees:
//   - An outcome is not found at the time at which it ends, or later.
//   - A caller decides by the purge sequence of an outcome whether a purge has ended it.
//   - A Table holds at most as many outcomes as its size, however long the keys are. Beyond that it loses those first
//     that were not used for the longest time.
package negative

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// digest stands for a key, which may be long.
type digest [sha256.Size]byte

// Table has the outcomes, by key. It is safe for concurrent use.
type Table[K ~string, V any] struct {
	now      func() time.Time
	outcomes *lru.Cache[digest, Outcome[V]]
}

// Outcome is what is known of a key.
type Outcome[V any] struct {
	// Until is when it ends.
	Until time.Time
	// Seq is the sequence of the purges that it was found out after.
	Seq   uint64
	Value V
}

// New makes a Table of at most size outcomes. now is the clock; nil means time.Now.
func New[K ~string, V any](size int, now func() time.Time) (*Table[K, V], error) {
	if now == nil {
		now = time.Now
	}
	outcomes, err := lru.New[digest, Outcome[V]](size)
	return &Table[K, V]{now, outcomes}, err
}

func digestOf[K ~string](key K) digest { return sha256.Sum256([]byte(key)) }

// Get finds the outcome of a key, if it has not ended by time, nor by a purge: valid says whether it is still one.
func (t *Table[K, V]) Get(key K, valid func(Outcome[V]) bool) (v V, ok bool) {
	o, ok := t.outcomes.Get(digestOf(key))
	if !ok || !t.now().Before(o.Until) || !valid(o) {
		return v, false
	}
	return o.Value, true
}

// Put remembers the outcome of a key, in place of the one before.
func (t *Table[K, V]) Put(key K, o Outcome[V]) { t.outcomes.Add(digestOf(key), o) }

// Remove forgets the outcome of a key.
func (t *Table[K, V]) Remove(key K) { t.outcomes.Remove(digestOf(key)) }

// Len is how many outcomes are held, ended ones included.
func (t *Table[K, V]) Len() int { return t.outcomes.Len() }
