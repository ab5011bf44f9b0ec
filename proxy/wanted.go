package proxy

import (
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/sources"
)

// wantedEntry is the entry of a request, wherever it is. What another server says of it, or whoever writes in its name,
// makes it live no longer than what this server would say.
func wantedEntry(a cacheRequest, t sources.TTL) cache.Wanted {
	return cache.Wanted{Key: a.key, Source: a.identity, Trace: a.trace, Bound: func(e *cache.Entry) {
		most, window := max(t.Max, t.Min, 0), max(t.Max, t.StaleWhile, t.StaleError)
		switch {
		case a.req.HasMaxAge:
			most = time.Duration(a.req.MaxAge) * time.Second
		case a.req.CacheBuster != "":
			most = immutableTTL
		}
		most = max(most, time.Duration(a.req.Terms.MinAge)*time.Second)
		if end := e.Stored.Add(most); e.Expires.After(end) {
			e.Expires = end
		}
		e.StaleWhile, e.StaleError = min(e.StaleWhile, window), min(e.StaleError, window)
		e.Keep = min(e.Keep, t.StaleError)
		e.Immutable = e.Immutable && a.req.CacheBuster != "" && !a.req.HasMaxAge
	}}
}
