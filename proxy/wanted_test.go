package proxy

import (
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
)

// Whatever another server says of a result, it lives as long as one of this server at most.
func TestSharedResultsLiveNoLongerThanOwnOnes(t *testing.T) {
	ttl := sources.TTL{Default: time.Hour, Max: 24 * time.Hour, StaleWhile: time.Minute, StaleError: time.Hour}
	const ever = 1e6 * time.Hour
	for name, test := range map[string]struct {
		version   string
		maxAge    int64
		most      time.Duration
		immutable bool
	}{
		"by the settings":       {"", -1, 24 * time.Hour, false},
		"by its URL":            {"", 60, time.Minute, false},
		"with a version":        {"1", -1, immutableTTL, true},
		"a version, and by URL": {"1", 0, 0, false},
	} {
		now := time.Now()
		var req signedurl.Request
		req.CacheBuster = test.version
		if test.maxAge >= 0 {
			req.HasMaxAge, req.MaxAge = true, test.maxAge
		}
		e := &cache.Entry{
			Stored: now, Expires: now.Add(ever), StaleWhile: ever, StaleError: ever, Keep: ever, Immutable: true,
		}
		short := &cache.Entry{Stored: now, Expires: now.Add(time.Second)}
		bound := wantedEntry(cacheRequest{req: req}, ttl).Bound
		bound(e)
		bound(short)
		if got := e.Expires.Sub(now); got != test.most || e.Immutable != test.immutable {
			t.Errorf("%s: fresh for %v, immutable: %v", name, got, e.Immutable)
		}
		if e.StaleWhile > 24*time.Hour || e.StaleError > 24*time.Hour || e.Keep > time.Hour {
			t.Errorf("%s: %+v", name, e)
		}
		if got := short.Expires.Sub(now); got != min(test.most, time.Second) || short.Immutable {
			t.Errorf("%s: a short one is fresh for %v, immutable: %v", name, got, short.Immutable)
		}
	}
}
