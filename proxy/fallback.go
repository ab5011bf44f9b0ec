package proxy

import (
	"context"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// serveFailure answers a request that was understood but failed: by a redirect, if the mount's dialect
// has one, else by an image for its error, else by the error. An overloaded server sends nobody elsewhere.
func (s *Server) serveFailure(c echo.Context, req signedurl.Request, u urlFacts, cause error) error {
	m, rest := s.mountOf(c.Request().RequestURI)
	cause = m.errorOf(cause)
	f := failureOf(cause)
	to := ""
	if m != nil && m.OnError != nil && f.status != http.StatusServiceUnavailable {
		to = m.OnError(rest)
	}
	if to == "" {
		return s.serveFallback(c, req, u, cause)
	}
	s.logError(recordOf(c.Response()), c.Request(), f, requestIDOf(c.Response()), cause)
	s.figures.answers.WithLabelValues(f.code).Inc()
	recordOf(c.Response()).noteFailure(f.code)
	h := c.Response().Header()
	noStore(h)
	h.Set("Cache-Status", errorStatus(f, cause))
	h.Set("Location", to)
	return c.NoContent(http.StatusFound)
}

// serveFallback answers a request that failed with the image for its error, transformed like the image
// that it asked for. The result is cached by its own source. Where there is none, or it fails itself,
// the error stays.
func (s *Server) serveFallback(c echo.Context, req signedurl.Request, u urlFacts, cause error) error {
	f := failureOf(cause)
	source := s.cfg.inForce.Load().Fallback.sourceFor(f.code)
	if source == "" || req.Meta.Form != "" || req.Source == source {
		return cause
	}
	req.Source, req.CacheBuster = source, ""
	req.Params.Raw, req.Params.Skip = false, 0
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.cfg.inForce.Load().RequestTimeout)
	defer cancel()
	a := s.newCacheRequest(req)
	rec := recordOf(c.Response())
	a.clock = rec.clock()
	entry, outcome, t, err := s.getAndAdmit(ctx, a)
	if err != nil {
		s.logSampled("fallback failed", "fallback", failureOf(err), requestIDOf(c.Response()), func() []any {
			return []any{"source", clipText(s.cfg.inForce.Load().RequestLog.redactSource(source)), "err",
				clipText(failureOf(err).causeWithoutSource(err))}
		})
		return cause
	}
	defer entry.Close()
	defer s.memory.Responses.Release(t)
	s.logError(recordOf(c.Response()), c.Request(), f, requestIDOf(c.Response()), cause)
	s.figures.answers.WithLabelValues(f.code).Inc()
	p, err := t.Writer(c.Response(), c.Request())
	if err != nil {
		return err
	}
	w := c.Response()
	s.setImageHeader(w.Header(), urlFacts{name: u.name, varies: u.varies, passed: u.passed}, entry, outcome, s.now())
	s.setFallbackHeader(w.Header(), u, f, cause)
	rec.noteFailure(f.code)
	rec.noteEntry(entry, outcome)
	rec.setServerTiming(w.Header())
	w.Before(func() {
		if w.Status == http.StatusOK {
			w.Status = s.cfg.inForce.Load().Fallback.statusOf(f.status)
		}
	})
	// The status says that this is not the image, so that no part of it and no validator counts.
	err = p.Serve(withoutConditions(c.Request()), entry)
	rec.noteSent(t.Sent())
	s.countSent(t, entry, outcome)
	if err != nil {
		panic(http.ErrAbortHandler) // has net/http end the connection, or the stream
	}
	return nil
}

// setFallbackHeader makes the header of an image that of a fallback: caches behind pictor must not take it
// for the image of the URL for longer than told, and a CDN, which serves many, not at all.
func (s *Server) setFallbackHeader(h http.Header, u urlFacts, f failure, cause error) {
	noStore(h)
	if age := wholeSeconds(s.cfg.inForce.Load().Fallback.TTL); age > 0 {
		h["Cache-Control"] = []string{lifetime{fresh: age, private: u.isPrivate()}.browserControl()}
		if s.cfg.inForce.Load().CDN.shared && !u.isPrivate() {
			h["Cache-Control"][0] = "max-age=" + strconv.FormatInt(age, 10) + ", s-maxage=0"
		}
	}
	if s.cfg.inForce.Load().CDN.control != "" {
		h[s.cfg.inForce.Load().CDN.control] = []string{"no-store"}
	}
	delete(h, "Etag")
	h["Pictor-Fallback"] = []string{f.code}
	h["Cache-Status"] = []string{errorStatus(f, cause)}
}
