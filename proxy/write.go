package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
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

// write answers with an entry, or with 304 where the client has it.
func (s *Server) write(c echo.Context, req signedurl.Request, e *cache.Entry, outcome cache.Outcome) error {
	now := s.now()
	w := c.Response()
	h := w.Header()
	for name, value := range constant {
		h[name] = value
	}
	h["Etag"] = []string{e.ETag}
	h["Cache-Control"] = []string{cacheControl(req, e, now)}
	h["Cache-Status"] = []string{cacheStatus(e, outcome, now)}
	if !e.LastModified.IsZero() {
		h["Last-Modified"] = []string{e.LastModified.UTC().Format(http.TimeFormat)}
	}
	if notModified(c.Request().Header, e) {
		s.answers.WithLabelValues("not-modified").Inc()
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	s.answers.WithLabelValues("ok").Inc()
	h["Content-Type"] = []string{e.ContentType}
	h["Content-Disposition"] = []string{disposition(req, e.ContentType)}
	h["Content-Length"] = []string{strconv.Itoa(len(e.Body))}
	s.limitWrite(w, len(e.Body))
	w.WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(e.Body); err != nil {
		s.log.Debug("client left while its picture was sent", "err", err)
	}
	return nil
}

// limitWrite gives a client time by what it is sent, so that one that does
// not read cannot hold an entry for ever: half a minute, and no less than
// 16 KiB a second after that.
func (s *Server) limitWrite(w http.ResponseWriter, size int) {
	d := 30*time.Second + time.Duration(size/(16<<10))*time.Second
	// Fails where there is no connection below, as in tests: no harm then.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

// cacheControl is what browsers and CDNs may do: what is left of the entry's
// freshness, but never beyond the end of the URL itself.
func cacheControl(req signedurl.Request, e *cache.Entry, now time.Time) string {
	if e.NoStore {
		return "private, no-store"
	}
	left := e.Expires.Sub(now)
	immutable := e.Immutable
	if e.Immutable {
		left = immutableTTL
	}
	if req.Expires != 0 {
		// In seconds: the end may be further off than a Duration reaches.
		if end := req.Expires - now.Unix(); end < int64(left/time.Second) {
			left, immutable = time.Duration(end)*time.Second, false
		}
	}
	if left < time.Second {
		return "no-cache"
	}
	v := "public, max-age=" + strconv.FormatInt(int64(left/time.Second), 10)
	if immutable {
		v += ", immutable"
	}
	return v
}

// cacheStatus tells what the cache did (RFC 9211).
func cacheStatus(e *cache.Entry, outcome cache.Outcome, now time.Time) string {
	switch outcome {
	case cache.Hit:
		return "pictor; hit; ttl=" + strconv.FormatInt(int64(e.Expires.Sub(now)/time.Second), 10)
	case cache.Collapsed:
		return "pictor; fwd=uri-miss; collapsed"
	}
	return "pictor; fwd=uri-miss"
}

// notModified compares the client's validators (RFC 9110 §13.2.2): where
// there is an If-None-Match, If-Modified-Since is not looked at.
func notModified(h http.Header, e *cache.Entry) bool {
	if lines := h["If-None-Match"]; len(lines) > 0 {
		return matches(strings.Join(lines, ","), e.ETag)
	}
	since, err := http.ParseTime(h.Get("If-Modified-Since"))
	if err != nil || e.LastModified.IsZero() {
		return false
	}
	return !e.LastModified.Truncate(time.Second).After(since)
}

// matches looks an entity tag up in a list, by weak comparison (RFC 9110
// §13.1.2): CDNs weaken tags on the way. Our own tags have no comma in them.
func matches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == etag {
			return true
		}
	}
	return false
}

// noStore keeps an answer out of every cache.
func noStore(h http.Header) { h.Set("Cache-Control", "no-store") }
