package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// constant headers of every answer that is a picture. The slices are shared
// and never written to.
var constant = map[string][]string{
	// Pictures are for any page; saying so the same way to all keeps Vary away.
	"Access-Control-Allow-Origin":  {"*"},
	"Timing-Allow-Origin":          {"*"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
	// The type is ours, whatever the bytes look like.
	"X-Content-Type-Options":  {"nosniff"},
	"Content-Security-Policy": {"default-src 'none'; sandbox"},
}

// write answers with an entry. What conditions and ranges of the request come to
// (RFC 9110 §13 and §14) is the standard library's to say.
func (s *Server) write(c echo.Context, req signedurl.Request, t *memory.Transfer, e *cache.Entry, outcome cache.Outcome) error {
	p, err := t.Writer(c.Response(), c.Request())
	if err != nil {
		return err
	}
	now := s.now()
	w := c.Response()
	h := w.Header()
	for name, value := range constant {
		h[name] = value
	}
	h["Etag"] = []string{e.ETag}
	s.cfg.CDN.setControl(h, lifetimeOf(req, e, outcome, now), int64(s.cfg.BrowserTTL/time.Second))
	s.cfg.CDN.setTags(h, e)
	h["Cache-Status"] = []string{cacheStatus(e, outcome, now)}
	h["Content-Type"] = []string{e.ContentType}
	h["Content-Disposition"] = []string{disposition(req, e.ContentType)}
	w.Before(func() {
		if w.Status >= http.StatusBadRequest { // of this client alone
			noStore(h)
		}
	})
	ignoreRange(c.Request(), e.Size())
	err = p.Serve(c.Request(), e)
	s.sent.WithLabelValues(outcome.String(), tierOf(e, outcome)).Add(float64(t.Sent()))
	switch w.Status {
	case http.StatusNotModified:
		s.answers.WithLabelValues("not-modified").Inc()
	case http.StatusOK, http.StatusPartialContent:
		s.answers.WithLabelValues("ok").Inc()
	default:
		s.answers.WithLabelValues("bad-range").Inc()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's way to end the connection, or the stream
	}
	return nil
}

// staleFor is how long others may keep an answer that is not fresh here, in
// seconds: soon there will be a better one.
const staleFor = 10

// lifetimeOf is what is left of an entry's freshness, but never beyond the end
// of the URL itself.
func lifetimeOf(req signedurl.Request, e *cache.Entry, outcome cache.Outcome, now time.Time) lifetime {
	l := lifetime{noStore: e.NoStore, immutable: e.Immutable, staleWhile: int64(e.StaleWhile / time.Second), staleError: int64(e.StaleError / time.Second)}
	left := e.Expires.Sub(now)
	switch {
	case outcome == cache.Stale:
		l = lifetime{fresh: min(staleFor, wholeSeconds(left+e.StaleWhile))}
	case outcome == cache.StaleError:
		l = lifetime{fresh: min(staleFor, wholeSeconds(left+e.StaleError))}
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

// tierOf is where an answer was; "none" where it was just made, or found to be
// right by its origin.
func tierOf(e *cache.Entry, outcome cache.Outcome) string {
	switch outcome {
	case cache.Hit, cache.Stale, cache.StaleError:
		if e.InFile() {
			return "disk"
		}
		return "memory"
	}
	return "none"
}

// cacheStatus tells what the cache did, and where it had the entry (RFC 9211).
func cacheStatus(e *cache.Entry, outcome cache.Outcome, now time.Time) string {
	tier := tierOf(e, outcome)
	ttl := "; ttl=" + strconv.FormatInt(int64(e.Expires.Sub(now)/time.Second), 10)
	status := "pictor; "
	switch outcome {
	case cache.Hit:
		return status + "hit" + ttl + "; detail=" + tier
	case cache.Stale:
		return status + "hit" + ttl + `; detail="` + tier + `, stale-while-revalidate"`
	case cache.StaleError:
		return status + "hit" + ttl + `; detail="` + tier + `, stale-if-error"`
	case cache.Collapsed:
		return status + "fwd=uri-miss; collapsed"
	case cache.Bypassed:
		return status + "fwd=bypass; detail=hit-for-miss"
	case cache.Expired:
		status += "fwd=stale"
	default:
		status += "fwd=uri-miss"
	}
	if !e.NoStore {
		status += "; stored"
	}
	return status
}
