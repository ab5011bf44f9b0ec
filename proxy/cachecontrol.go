package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// lifetime is what caches may do with an answer, in seconds.
type lifetime struct {
	fresh, staleWhile, staleError int64
	noStore, immutable            bool
}

// directives are those of a header for shared caches.
func (l lifetime) sharedDirectives(age string) string {
	v := age + "=" + strconv.FormatInt(l.fresh, 10)
	if l.staleWhile > 0 {
		v += ", stale-while-revalidate=" + strconv.FormatInt(l.staleWhile, 10)
	}
	if l.staleError > 0 {
		v += ", stale-if-error=" + strconv.FormatInt(l.staleError, 10)
	}
	return v
}

// browser is Cache-Control without a CDN.
func (l lifetime) browserControl() string {
	switch {
	case l.noStore:
		return "private, no-store"
	case l.fresh < 1:
		return "no-cache"
	}
	v := "public, max-age=" + strconv.FormatInt(l.fresh, 10)
	if l.immutable {
		v += ", immutable"
	}
	return v
}

// staleFor is how long others may keep an answer that is not fresh here, in
// seconds: soon there will be a better one.
const staleMaxAge = 10

// lifetimeOf is what is left of an entry's freshness, but never beyond the end
// of the URL itself.
func lifetimeOf(req signedurl.Request, e *cache.Entry, outcome cache.Outcome, now time.Time) lifetime {
	l := lifetime{noStore: e.NoStore, immutable: e.Immutable, staleWhile: int64(e.StaleWhile / time.Second), staleError: int64(e.StaleError / time.Second)}
	left := e.Expires.Sub(now)
	switch {
	case outcome == cache.Stale:
		l = lifetime{fresh: min(staleMaxAge, wholeSeconds(left+e.StaleWhile))}
	case outcome == cache.StaleError:
		l = lifetime{fresh: min(staleMaxAge, wholeSeconds(left+e.StaleError))}
	case e.Immutable:
		l.fresh = int64(immutableTTL / time.Second)
	default:
		l.fresh = wholeSeconds(left)
	}
	if req.Expires != 0 {
		// In seconds: the end may be further off than a Duration reaches.
		end := max(req.Expires-now.Unix(), 0)
		if end < l.fresh {
			l.fresh, l.immutable = end, false
		}
		l.staleWhile, l.staleError = min(l.staleWhile, end-l.fresh), min(l.staleError, end-l.fresh)
	}
	return l
}

func wholeSeconds(d time.Duration) int64 { return max(int64(d.Round(time.Second)/time.Second), 0) }

// noStore keeps an answer out of every cache.
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	for _, p := range profiles {
		h.Del(p.control)
		h.Del(p.tags)
	}
}
