package proxy

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pictor-proxy/pictor/cache"
)

// knownTargets is a table of request targets that were verified, parsed and answered before:
// what they mean, so far as a hit needs it. All of that follows from the target and the
// rules in force alone (see readBy). What may change from one request to the next, as the
// time, purges and the header of the request, is looked at for each. The first thing that is
// looked at are the rules: a target that was read by others is not used.
//
// The table has two generations. A target that is asked for moves to the newer one. Where
// that is full it becomes the older one, and what was in that is forgotten.
type knownTargets struct {
	mu sync.RWMutex
	// maxBytes bounds both generations together.
	maxBytes     int64
	newer, older targetGeneration
}

// targetGeneration has targets by their path, without query, and those of mounts with it.
type targetGeneration struct {
	targets map[string]*knownTarget
	bytes   int64
}

// knownTarget is what a path means.
type knownTarget struct {
	urlFacts
	// results has the results by what they depend on in the header of a request; where that is nothing, one
	// of the zero value. The lock of the table guards the map.
	results map[variant]*knownResult
	bytes   int64
}

// knownResult is a result that a path leads to.
type knownResult struct {
	key cache.Key
	// header is the newest one that was made; nil for none.
	header atomic.Pointer[hitHeader]
}

// What the table takes for a path and for each of its results besides their texts, in
// bytes, as measured by TestKnownTargetsTakeWhatIsCounted.
const (
	knownTargetBytes = 512
	knownResultBytes = 1600
	// maxKnownText is the length of the longest path, and the longest key, in the table.
	maxKnownText = 2 << 10
)

// targetShare is the part of the memory of the RAM cache that the table has: a result of 30
// KiB and its target find room together.
const targetShare = 32

// cacheMemory is the memory that the Governor gives the RAM cache, of which the table has a
// part: it grows and shrinks with the number of results that can be hit.
type cacheMemory struct {
	*cache.Cache
	targets *knownTargets
}

// Resize implements memory.Cache.
func (m cacheMemory) Resize(maxBytes int64) {
	share := maxBytes / targetShare
	m.targets.resize(share)
	m.Cache.Resize(maxBytes - share)
}

// Stats implements memory.Cache.
func (m cacheMemory) Stats() cache.Stats {
	st := m.Cache.Stats()
	used, most := m.targets.size()
	st.Bytes += used
	st.MaxBytes += most
	return st
}

// resize changes how many bytes the table may take; 0 or less for no table.
func (k *knownTargets) resize(maxBytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.maxBytes = max(maxBytes, 0)
	for _, g := range []*targetGeneration{&k.newer, &k.older} {
		if g.bytes > k.maxBytes/2 {
			*g = targetGeneration{}
		}
	}
}

// size is how many bytes the table takes, and how many it may take.
func (k *knownTargets) size() (used, most int64) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.newer.bytes + k.older.bytes, k.maxBytes
}

// find returns what a path means, and its result in the variant that variantOf gives; nil where the table
// does not have it.
func (k *knownTargets) find(path string, variantOf func(urlFacts) variant) (*knownTarget, *knownResult) {
	k.mu.RLock()
	t := k.newer.targets[path]
	inOlder := false
	if t == nil {
		t = k.older.targets[path]
		inOlder = t != nil
	}
	var r *knownResult
	if t != nil {
		r = t.results[variantOf(t.urlFacts)]
	}
	k.mu.RUnlock()
	if inOlder {
		k.keep(path)
	}
	if r == nil {
		return nil, nil
	}
	return t, r
}

// keep moves a path to the newer generation.
func (k *knownTargets) keep(path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.older.remove(path); t != nil {
		k.put(path, t)
	}
}

// learn adds a result. The caller has answered a request for the path with it.
func (k *knownTargets) learn(path string, u urlFacts, v variant, key cache.Key) {
	if len(path) > maxKnownText || len(key) > maxKnownText {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.newer.targets[path]
	if t != nil && t.results[v] != nil && t.readBy == u.readBy {
		return
	}
	k.newer.remove(path)
	if old := k.older.remove(path); old != nil {
		t = old
	}
	if t == nil || t.readBy != u.readBy {
		u.name, u.logged = strings.Clone(u.name), strings.Clone(u.logged)
		t = &knownTarget{
			urlFacts: u, results: map[variant]*knownResult{},
			bytes: knownTargetBytes + int64(len(path)+len(u.name)+len(u.logged)),
		}
		path = strings.Clone(path) // which else would keep the whole request header
	}
	if t.results[v] == nil {
		t.results[v] = &knownResult{key: key}
		t.bytes += knownResultBytes + int64(len(key))
	}
	k.put(path, t)
}

// put adds a path to the newer generation, if a generation has room for it. The lock is held.
func (k *knownTargets) put(path string, t *knownTarget) {
	half := k.maxBytes / 2
	if t.bytes > half {
		return
	}
	if k.newer.bytes+t.bytes > half {
		k.older, k.newer = k.newer, targetGeneration{}
	}
	if k.newer.targets == nil {
		k.newer.targets = map[string]*knownTarget{}
	}
	k.newer.targets[path] = t
	k.newer.bytes += t.bytes
}

// forgetAll empties the table.
func (k *knownTargets) forgetAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newer, k.older = targetGeneration{}, targetGeneration{}
}

// remove removes a path, and returns what it means; nil where it is not there.
func (g *targetGeneration) remove(path string) *knownTarget {
	t := g.targets[path]
	if t != nil {
		delete(g.targets, path)
		g.bytes -= t.bytes
	}
	return t
}
