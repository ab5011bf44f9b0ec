package memory

import "github.com/pictor-proxy/pictor/cache"

// requestGroup is a generation of requests for one key that have not begun to read.
//
// A result without readers stays counted for the requests that were there when its last
// reader left, because the cache may still give it to them. A later request gets it from
// the RAM cache only, or makes it anew, so it belongs to the next generation. Otherwise a
// key that always has a request waiting would keep its results counted for ever.
type requestGroup struct {
	count int
	// results stay counted for this generation and the older ones.
	results      []*inFlightResult
	older, newer *requestGroup
}

// RegisterRequest adds a request for a key. Results for the key that are made before
// unregister is called stay counted until then.
func (rs *Responses) RegisterRequest(key cache.Key) (unregister func()) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	group := rs.requestGroups[key]
	if group == nil || len(group.results) > 0 {
		group = &requestGroup{older: group}
		if group.older != nil {
			group.older.newer = group
		}
		rs.requestGroups[key] = group
	}
	group.count++
	return func() {
		rs.mu.Lock()
		defer rs.mu.Unlock()
		if group.count--; group.count == 0 {
			rs.removeGroup(key, group)
		}
	}
}

// removeGroup removes a generation without requests. Its results go to the next older
// one, or are forgotten. The lock is held.
func (rs *Responses) removeGroup(key cache.Key, group *requestGroup) {
	switch {
	case group.newer != nil:
		group.newer.older = group.older
	case group.older != nil:
		rs.requestGroups[key] = group.older
	default:
		delete(rs.requestGroups, key)
	}
	if group.older != nil {
		group.older.newer = group.newer
	}
	for _, res := range group.results {
		switch {
		case res.awaitedBy != group: // a newer generation waits for it
		case group.older != nil:
			res.awaitedBy = group.older
			group.older.results = append(group.older.results, res)
		case len(res.readers) == 0 && !res.fillRunning:
			rs.stopCounting(res)
		}
	}
}
