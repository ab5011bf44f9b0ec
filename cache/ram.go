package cache

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"runtime"
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
	// Without another tier below it, an entry may be an eighth of the RAM tier;
	// with one a fiftieth, up to largeEntry. In any case it may be smallEntry.
	smallEntry, largeEntry = 1 << 20, 2 << 20
)

// ramTier is the RAM tier. Its nil value keeps nothing.
type ramTier struct {
	rc  *ristretto.Cache[string, *Entry]
	now func() time.Time
	// entryLimit is what was configured, maxEntry what of it maxBytes allows;
	// lower says that there is a tier below this one.
	entryLimit         int64
	lower              bool
	maxBytes, maxEntry atomic.Int64
	dropped            atomic.Uint64
	collisions         atomic.Uint64
	// onMoved, unless nil, is the watcher's.
	onMoved func(*Entry)

	// open is held for reading by every caller of ristretto, and for writing by
	// Close: it closes the channels that a Get hands its counts to, and a Del its
	// key. It is taken before setting.
	open sync.RWMutex
	// setting is held from a Set until it is applied.
	setting sync.Mutex
}

// seededHash has a secret of this process in the primary hash. A client that could
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

// newRAMTier makes the tier that a configuration whose defaults are filled in
// asks for.
func newRAMTier(cfg Config) (*ramTier, error) {
	maxBytes := cfg.MaxBytes
	if maxBytes <= 0 {
		return nil, nil
	}
	m := &ramTier{now: cfg.Now, entryLimit: cfg.MaxEntryBytes, lower: len(cfg.Lower) > 0}
	rc, err := ristretto.NewCache(&ristretto.Config[string, *Entry]{
		NumCounters:        max(maxBytes/typicalEntry, minEntries) * countersPerEntry,
		MaxCost:            maxBytes,
		BufferItems:        64,
		Metrics:            true,
		IgnoreInternalCost: true, // Cost has it already, as measured
		KeyToHash:          cfg.hash,
		OnExit:             m.releaseBody,
	})
	if err != nil {
		return nil, fmt.Errorf("make the RAM cache: %w", err)
	}
	m.rc = rc
	m.setLimits(maxBytes)
	return m, nil
}

// setLimits sets the bounds of the tier and of an entry. A large entry costs many
// small ones their place.
func (m *ramTier) setLimits(maxBytes int64) {
	entry := m.entryLimit
	if entry <= 0 {
		entry = max(maxBytes/8, smallEntry)
		if m.lower {
			entry = max(min(maxBytes/50, largeEntry), smallEntry)
		}
	}
	m.maxBytes.Store(maxBytes)
	m.maxEntry.Store(min(entry, maxBytes))
}

// Get compares the full key: two keys may share both hashes.
func (m *ramTier) Get(_ context.Context, key Key) (*Entry, bool) {
	if m == nil {
		return nil, false
	}
	m.open.RLock()
	defer m.open.RUnlock()
	return m.getLocked(key)
}

// getLocked is Get with open held.
func (m *ramTier) getLocked(key Key) (*Entry, bool) {
	e, ok := m.rc.Get(string(key))
	if !ok || e == nil {
		return nil, false
	}
	if e.Key != key {
		m.collisions.Add(1)
		return nil, false
	}
	return e, true
}

// lockForSet locks the tier for one caller that changes its entries.
func (m *ramTier) lockForSet() (leave func()) {
	m.open.RLock()
	m.setting.Lock()
	return func() {
		m.setting.Unlock()
		m.open.RUnlock()
	}
}

// canTake says whether an entry may be kept at all.
func (m *ramTier) canTake(e *Entry) bool { return m != nil && e.Cost() <= m.maxEntry.Load() }

// Put offers an entry and returns when ristretto has taken or refused it:
// until then it would be counted nowhere, and found by nobody.
//
// The entry that the key had before goes first. Ristretto charges an update without
// making room for it, so refreshed entries that grew would pass MaxBytes; and
// its sweep of old entries may take along one that is updated meanwhile.
//
// One at a time: of two Sets of a new key in its queue, ristretto keeps the
// first value and charges the second one's cost.
func (m *ramTier) Put(e *Entry) bool {
	if !m.canTake(e) {
		m.Drop(e.Key)
		return false
	}
	defer m.lockForSet()()
	return m.setLocked(e)
}

// putNew is Put where the key has nothing.
func (m *ramTier) putNew(e *Entry) bool {
	defer m.lockForSet()()
	if _, ok := m.getLocked(e.Key); ok {
		return false
	}
	return m.setLocked(e)
}

// setLocked is Put with the lock held.
func (m *ramTier) setLocked(e *Entry) bool {
	ttl := e.usableUntil().Sub(m.now())
	m.retainBody(e)
	m.rc.Del(string(e.Key))
	ok := ttl > 0 // to ristretto 0 is for ever
	if ok {
		if ok = m.rc.SetWithTTL(string(e.Key), e, e.Cost(), ttl); !ok {
			m.dropped.Add(1)
		}
	}
	m.rc.Wait()
	if !ok {
		m.releaseBody(e)
	}
	m.notifyMoved(e)
	return ok
}

// Renew keeps the bytes that are there.
func (m *ramTier) Renew(e *Entry) bool {
	have, ok := m.Get(context.Background(), e.Key)
	if !ok || have.ETag != e.ETag {
		return false
	}
	n := e.metadata()
	n.Body, n.bodyRefs = have.Body, have.bodyRefs
	n.readState = &readState{}
	return m.Put(n)
}

// Use is for the tiers below.
func (m *ramTier) Use(Key) {}

// Drop forgets an entry.
func (m *ramTier) Drop(key Key) {
	if m == nil {
		return
	}
	defer m.lockForSet()()
	m.rc.Del(string(key))
}

// dropExact drops this very entry, and none that has taken its place.
func (m *ramTier) dropExact(e *Entry) {
	defer m.lockForSet()()
	if there, ok := m.getLocked(e.Key); ok && there == e {
		m.rc.Del(string(e.Key))
	}
}

// dropAll forgets all entries that are to go, and says how many.
func (m *ramTier) dropAll(gone func(*Entry) bool) (n int) {
	m.open.RLock()
	defer m.open.RUnlock()
	var keys []string
	seen := 0
	m.rc.IterValues(func(e *Entry) bool {
		if seen++; seen%64 == 0 {
			runtime.Gosched() // requests first
		}
		if gone(e) {
			keys = append(keys, string(e.Key))
		}
		return false
	})
	for _, k := range keys {
		// Not what came meanwhile.
		m.setting.Lock()
		if e, ok := m.rc.Get(k); ok && gone(e) {
			m.rc.Del(k)
			n++
		}
		m.setting.Unlock()
	}
	return n
}

// visit calls f for each entry until it says that this is enough.
func (m *ramTier) visit(f func(*Entry) (enough bool)) {
	if m == nil {
		return
	}
	m.open.RLock()
	defer m.open.RUnlock()
	m.rc.IterValues(f)
}

// addStats adds the tier's part to a snapshot.
func (m *ramTier) addStats(s *Stats) {
	if m == nil {
		return
	}
	m.open.RLock() // Close clears the numbers one by one
	defer m.open.RUnlock()
	s.MaxBytes = m.maxBytes.Load()
	s.Bytes = m.usedBytes()
	s.Dropped, s.Collisions = m.dropped.Load(), m.collisions.Load()
	s.Rejected, s.Evicted = m.rc.Metrics.SetsRejected(), m.rc.Metrics.KeysEvicted()
	// Read last: never fewer than what has left again.
	s.Entries = int64(m.rc.Metrics.KeysAdded() - s.Evicted)
}

// hasRoom says whether an entry would push no other one out.
func (m *ramTier) hasRoom(e *Entry) bool {
	m.open.RLock()
	defer m.open.RUnlock()
	return m.rc.RemainingCost() >= e.Cost()
}

func (m *ramTier) usedBytes() int64 { return m.rc.MaxCost() - m.rc.RemainingCost() }

// setMaxBytes gives the tier other bounds. To ristretto a lower one means only that
// nothing more is taken, so what is too much is let go here: whatever comes
// first, as ristretto tells nobody which of its entries are worth least.
func (m *ramTier) setMaxBytes(maxBytes int64) {
	maxBytes = max(maxBytes, 0)
	if maxBytes == m.maxBytes.Load() {
		return // without waiting for a Set
	}
	defer m.lockForSet()()
	m.setLimits(maxBytes)
	m.rc.UpdateMaxCost(maxBytes)
	// Entries come to their end meanwhile, and are counted until ristretto
	// has swept them: hence more passes than one, and a last one.
	for range 8 {
		excess := m.usedBytes() - maxBytes
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

// Close must come after the last Put has returned.
func (m *ramTier) Close() {
	if m == nil {
		return
	}
	m.open.Lock()
	defer m.open.Unlock()
	m.rc.Close()
}

// retainBody counts an entry that is about to be set. It comes before what the key
// had is let go of: that may have the same bytes.
func (m *ramTier) retainBody(e *Entry) {
	if e.bodyRefs != nil && e.readState.inMemory.CompareAndSwap(0, 1) {
		e.bodyRefs.entries.Add(1)
	}
}

// releaseBody counts out an entry that ristretto does not have any more, or did not take.
func (m *ramTier) releaseBody(e *Entry) {
	if e == nil || e.bodyRefs == nil || !e.readState.inMemory.CompareAndSwap(1, 2) {
		return
	}
	if e.bodyRefs.entries.Add(-1) == 0 {
		m.notifyMoved(e)
	}
}

func (m *ramTier) notifyMoved(e *Entry) {
	if m.onMoved != nil {
		m.onMoved(e)
	}
}
