package proxy

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// constantHeaders are in every response with an image. The slices are shared, and never
// written to.
var constantHeaders = map[string][]string{
	// Any page may use the images. Vary is not needed, as all pages get the same header.
	"Access-Control-Allow-Origin":  {"*"},
	"Timing-Allow-Origin":          {"*"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
	// Browsers must not guess another type from the bytes.
	"X-Content-Type-Options":  {"nosniff"},
	"Content-Security-Policy": {"default-src 'none'; sandbox"},
}

// respond sends an entry. The standard library evaluates conditions and ranges of the
// request (RFC 9110 §13 and §14).
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
		if w.Status >= http.StatusBadRequest { // an error is for this client alone
			noStore(h)
		}
	})
	ignoreRange(c.Request(), e.Size())
	err = p.Serve(c.Request(), e)
	s.sentBytes.WithLabelValues(outcome.String(), tierOf(e, outcome)).Add(float64(t.Sent()))
	switch w.Status {
	case http.StatusNotModified:
		s.answers.WithLabelValues("not-modified").Inc()
	case http.StatusOK, http.StatusPartialContent:
		s.answers.WithLabelValues("ok").Inc()
	default:
		s.answers.WithLabelValues("bad-range").Inc()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // has net/http end the connection, or the stream
	}
	return nil
}
