package cache

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
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
	rc         *ristretto.Cache[string, *Entry]
	maxBytes   int64
	maxEntry   int64
	dropped    atomic.Uint64
	collisions atomic.Uint64
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
	return &memory{rc: rc, maxBytes: maxBytes, maxEntry: maxEntry}, nil
}

// get compares the full key: two keys may share both hashes.
func (m *memory) get(key Key) (*Entry, bool) {
	if m == nil {
		return nil, false
	}
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

// takes says whether an entry may be kept at all.
func (m *memory) takes(e *Entry) bool { return m != nil && e.Cost() <= m.maxEntry }

// set offers an entry and returns when ristretto has taken or refused it:
// until then it would be counted nowhere, and found by nobody.
func (m *memory) set(e *Entry, ttl time.Duration) {
	if !m.rc.SetWithTTL(string(e.Key), e, e.Cost(), ttl) {
		m.dropped.Add(1)
		return
	}
	m.rc.Wait()
}

func (m *memory) close() {
	if m != nil {
		m.rc.Close()
	}
}
