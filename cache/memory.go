package cache

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dgraph-io/ristretto/v2"
)

const (
	// typicalEntry is the size that the number of counters is made for.
	typicalEntry = 40 << 10
	// countersPerEntry is four times ristretto's advice: its sketch has one
	// effective row, and at 40 it hits 3 to 4 points more often.
	countersPerEntry = 40
	minEntries       = 1000
)

// memory is the RAM tier. Its nil value keeps nothing.
type memory struct {
	rc *ristretto.Cache[string, *Entry]
	// entryLimit is what was configured, maxEntry what of it maxBytes allows.
	entryLimit         int64
	maxBytes, maxEntry atomic.Int64
	dropped            atomic.Uint64
	collisions         atomic.Uint64

	// setting is held from a Set until it is applied.
	setting sync.Mutex
	// open is held for reading by each reader and for writing by close: a Get
	// hands its counts to a channel that ristretto's Close closes.
	open sync.RWMutex
}

// keyHash places a key: primary decides the slot, conflict is compared there.
type keyHash func(key string) (primary, conflict uint64)

// seededHash has a secret of this process in the primary hash. Whoever could
// make keys collide there could make ristretto hold entries that it neither
// counts nor evicts. The conflict hash must not be 0: ristretto takes that for
// "do not compare".
func seededHash() keyHash {
	var seed [8]byte
	crand.Read(seed[:]) // never fails since Go 1.24
	s := binary.LittleEndian.Uint64(seed[:])
	return func(key string) (uint64, uint64) {
		var d xxhash.Digest
		d.ResetWithSeed(s)
		_, _ = d.WriteString(key) // never fails
		return d.Sum64(), max(xxhash.Sum64String(key), 1)
	}
}

func newMemory(maxBytes, maxEntry int64, hash keyHash) (*memory, error) {
	if maxBytes <= 0 {
		return nil, nil
	}
	rc, err := ristretto.NewCache(&ristretto.Config[string, *Entry]{
		NumCounters:        max(maxBytes/typicalEntry, minEntries) * countersPerEntry,
		MaxCost:            maxBytes,
		BufferItems:        64,
		Metrics:            true,
		IgnoreInternalCost: true, // Cost has it already, as measured
		KeyToHash:          hash,
	})
	if err != nil {
		return nil, fmt.Errorf("make the RAM cache: %w", err)
	}
	m := &memory{rc: rc, entryLimit: maxEntry}
	m.bound(maxBytes)
	return m, nil
}

// bound sets the bounds of the tier and of an entry. A large entry costs many
// small ones their place, so without another limit it may be an eighth of the
// tier; but at least 1 MiB, which a small tier can hold too.
func (m *memory) bound(maxBytes int64) {
	entry := m.entryLimit
	if entry <= 0 {
		entry = max(maxBytes/8, 1<<20)
	}
	m.maxBytes.Store(maxBytes)
	m.maxEntry.Store(min(entry, maxBytes))
}

// get compares the full key: two keys may share both hashes.
func (m *memory) get(key Key) (*Entry, bool) {
	if m == nil {
		return nil, false
	}
	m.open.RLock()
	e, ok := m.rc.Get(string(key))
	m.open.RUnlock()
	if !ok || e == nil {
		return nil, false
	}
	if e.Key != key {
		m.collisions.Add(1)
		return nil, false
	}
	return e, true
}

// takes says whether an entry may be kept at all.
func (m *memory) takes(e *Entry) bool { return m != nil && e.Cost() <= m.maxEntry.Load() }

// set offers an entry and returns when ristretto has taken or refused it:
// until then it would be counted nowhere, and found by nobody.
//
// What the key had before goes first. Ristretto charges an update without
// making room for it, so refreshed entries that grew would pass MaxBytes; and
// its sweep of old entries may take along one that is updated meanwhile.
//
// One at a time: of two Sets of a new key in its queue, ristretto keeps the
// first value and charges the second one's cost.
func (m *memory) set(e *Entry, ttl time.Duration) {
	m.setting.Lock()
	defer m.setting.Unlock()
	m.rc.Del(string(e.Key))
	if !m.rc.SetWithTTL(string(e.Key), e, e.Cost(), ttl) {
		m.dropped.Add(1)
	}
	m.rc.Wait()
}

// report adds the tier's part to a snapshot.
func (m *memory) report(s *Stats) {
	if m == nil {
		return
	}
	m.open.RLock() // Close clears the numbers one by one
	defer m.open.RUnlock()
	s.MaxBytes = m.maxBytes.Load()
	s.Bytes = m.used()
	s.Dropped, s.Collisions = m.dropped.Load(), m.collisions.Load()
	s.Rejected, s.Evicted = m.rc.Metrics.SetsRejected(), m.rc.Metrics.KeysEvicted()
	// Read last: never fewer than what has left again.
	s.Entries = int64(m.rc.Metrics.KeysAdded() - s.Evicted)
}

func (m *memory) used() int64 { return m.rc.MaxCost() - m.rc.RemainingCost() }

// resize gives the tier other bounds. To ristretto a lower one means only that
// nothing more is taken, so what is too much is let go here: whatever comes
// first, as ristretto tells nobody which of its entries are worth least.
func (m *memory) resize(maxBytes int64) {
	maxBytes = max(maxBytes, 0)
	if maxBytes == m.maxBytes.Load() {
		return // without waiting for a Set
	}
	m.setting.Lock()
	defer m.setting.Unlock()
	m.open.RLock()
	defer m.open.RUnlock()
	m.bound(maxBytes)
	m.rc.UpdateMaxCost(maxBytes)
	// Entries come to their end meanwhile, and are counted until ristretto
	// has swept them: hence more passes than one, and a last one.
	for range 8 {
		excess := m.used() - maxBytes
		if excess <= 0 {
			return
		}
		var keys []string
		m.rc.IterValues(func(e *Entry) bool {
			keys = append(keys, string(e.Key))
			excess -= e.Cost()
			return excess <= 0
		})
		for _, k := range keys {
			m.rc.Del(k)
		}
		m.rc.Wait()
	}
}

// close must come after the last set has returned.
func (m *memory) close() {
	if m == nil {
		return
	}
	m.open.Lock()
	defer m.open.Unlock()
	m.rc.Close()
}
