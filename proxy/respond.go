package proxy

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// constant headers of every answer that is a picture. The slices are shared
// and never written to.
var constantHeaders = map[string][]string{
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
func (s *Server) respond(
	c echo.Context, req signedurl.Request, t *memory.Transfer, e *cache.Entry, outcome cache.Outcome,
) error {
	p, err := t.Writer(c.Response(), c.Request())
	if err != nil {
		return err
	}
	now := s.now()
	w := c.Response()
	h := w.Header()
	for name, value := range constantHeaders {
		h[name] = value
	}
	h["Etag"] = []string{e.ETag}
	s.cfg.CDN.setCacheControl(h, lifetimeOf(req, e, outcome, now), int64(s.cfg.BrowserTTL/time.Second))
	s.cfg.CDN.setTags(h, e)
	h["Cache-Status"] = []string{cacheStatus(e, outcome, now)}
	h["Content-Type"] = []string{e.ContentType}
	h["Content-Disposition"] = []string{contentDisposition(req, e.ContentType)}
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
