package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

// lifetime says how long caches may use a response, in seconds.
type lifetime struct {
	fresh, staleWhile, staleError int64
	noStore, immutable            bool
	// private keeps shared caches from using the response (RFC 9111 §5.2.2.7).
	private bool
}

// sharedDirectives are the directives for shared caches. age is the name of the first one.
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

// browserControl is the Cache-Control header without a CDN.
func (l lifetime) browserControl() string {
	switch {
	case l.noStore:
		return "private, no-store"
	case l.fresh < 1:
		return "no-cache"
	}
	v := "public, max-age=" + strconv.FormatInt(l.fresh, 10)
	if l.private {
		v = "private, max-age=" + strconv.FormatInt(l.fresh, 10)
	}
	if l.immutable {
		v += ", immutable"
	}
	return v
}

// staleMaxAge is how long other caches may keep a response that is stale here, in seconds. A
// refresh is under way.
const staleMaxAge = 10

// lifetimeOf is what is left of the freshness lifetime of an entry. It ends with the URL,
// where that has an expiry time.
func lifetimeOf(u urlFacts, e *cache.Entry, outcome cache.Outcome, now time.Time) lifetime {
	l := lifetime{
		noStore: e.NoStore, immutable: e.Immutable,
		staleWhile: int64(e.StaleWhile / time.Second), staleError: int64(e.StaleError / time.Second),
	}
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
	if most := u.deferral.maxAge; most > 0 && most < l.fresh {
		l.fresh, l.immutable = most, false
	}
	if u.expires != 0 {
		// In seconds, because a Duration may be too short for the time until then.
		end := max(u.expires-now.Unix(), 0)
		if end < l.fresh {
			l.fresh, l.immutable = end, false
		}
		l.staleWhile, l.staleError = min(l.staleWhile, end-l.fresh), min(l.staleError, end-l.fresh)
	}
	l.private = u.isPrivate()
	return l
}

// wholeSeconds rounds a duration to seconds; a negative one is 0.
func wholeSeconds(d time.Duration) int64 { return max(int64(d.Round(time.Second)/time.Second), 0) }

// noStore keeps a response out of every cache.
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	for _, p := range profiles {
		h.Del(p.control)
		h.Del(p.tags)
	}
}

// immutableTTL is the lifetime of a result whose URL names its version: a year, the most
// that caches are expected to keep (RFC 8246 §2).
const immutableTTL = 365 * 24 * time.Hour
