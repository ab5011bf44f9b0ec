package proxy

import (
	"bytes"
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

// write answers with an entry. What conditions and ranges of the request come to
// (RFC 9110 §13 and §14) is the standard library's to say.
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
	h["Content-Type"] = []string{e.ContentType}
	h["Content-Disposition"] = []string{disposition(req, e.ContentType)}
	s.limitWrite(w, len(e.Body))
	w.Before(func() {
		if w.Status >= http.StatusBadRequest { // of this client alone
			noStore(h)
		}
	})
	// A unit that is not understood is to be ignored (RFC 9110 §14.2).
	if r := c.Request().Header; !strings.HasPrefix(r.Get("Range"), "bytes=") {
		r.Del("Range")
	}
	http.ServeContent(w, c.Request(), "", e.LastModified, bytes.NewReader(e.Body))
	switch w.Status {
	case http.StatusNotModified:
		s.answers.WithLabelValues("not-modified").Inc()
	case http.StatusOK, http.StatusPartialContent:
		s.answers.WithLabelValues("ok").Inc()
	default:
		s.answers.WithLabelValues("bad-range").Inc()
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

// noStore keeps an answer out of every cache.
func noStore(h http.Header) { h.Set("Cache-Control", "no-store") }
