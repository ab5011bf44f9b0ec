package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// failure is how an error looks from outside. Code never changes its meaning:
// people search for it, and metrics are labelled by it.
type failure struct {
	is     error
	status int
	code   string
	// text is what everybody is told. Where it is empty the error's own words
	// are, because they speak of the URL or the picture alone.
	text string
}

const unreachable = "The source could not be fetched."

// failures is the one place where an error becomes a status; the first row
// that fits counts.
var failures = []failure{
	{signedurl.ErrSignature, http.StatusForbidden, "wrong-signature", "The signature does not fit this path."},
	{signedurl.ErrUnknownOption, http.StatusNotFound, "unknown-option", ""},
	{signedurl.ErrUnknownPreset, http.StatusNotFound, "unknown-preset", ""},
	{signedurl.ErrBadArgument, http.StatusNotFound, "bad-argument", ""},
	{signedurl.ErrMalformed, http.StatusNotFound, "malformed-path", ""},
	{errNotAllowed, http.StatusForbidden, "option-not-allowed", ""},
	{errExpired, http.StatusNotFound, "expired", "This URL was good until a time that has passed."},

	{origin.ErrSourceNotAllowed, http.StatusForbidden, "source-not-allowed", ""},
	{origin.ErrBadSource, http.StatusNotFound, "bad-source", ""},
	{origin.ErrNotFound, http.StatusNotFound, "source-not-found", "The source does not exist."},
	{origin.ErrTooLarge, http.StatusUnprocessableEntity, "source-too-large", ""},
	{origin.ErrTimeout, http.StatusGatewayTimeout, "source-timeout", "The source took too long to answer."},
	// One text for all of these: which addresses are refused, and how the
	// ones that are not behave, is nobody's business.
	{origin.ErrRefused, http.StatusBadGateway, "source-unreachable", unreachable},
	{origin.ErrUnreachable, http.StatusBadGateway, "source-unreachable", unreachable},
	{origin.ErrStatus, http.StatusBadGateway, "source-unreachable", unreachable},
	{origin.ErrRedirects, http.StatusBadGateway, "source-unreachable", unreachable},
	{origin.ErrEncoding, http.StatusBadGateway, "source-unreachable", unreachable},
	{origin.ErrTruncated, http.StatusBadGateway, "source-unreachable", unreachable},

	{transform.ErrUnsupported, http.StatusUnsupportedMediaType, "unsupported-type", ""},
	{transform.ErrTruncated, http.StatusUnprocessableEntity, "truncated", ""},
	{transform.ErrMalformed, http.StatusUnprocessableEntity, "broken-picture", ""},
	{transform.ErrLimit, http.StatusUnprocessableEntity, "over-limit", ""},
	{transform.ErrMemory, http.StatusUnprocessableEntity, "overran", "This picture takes more memory to decode than its header lets expect."},
	{transform.ErrTimeout, http.StatusGatewayTimeout, "transform-timeout", "The picture took too long to make."},
	{transform.ErrCrashed, http.StatusUnprocessableEntity, "crashed", "This picture cannot be decoded: the decoder crashed on it, twice."},

	{errPoison, http.StatusUnprocessableEntity, "poison", ""},
	{budget.ErrTooLarge, http.StatusUnprocessableEntity, "too-large", ""},
	{budget.ErrSaturated, http.StatusServiceUnavailable, "shed", "The server has more to do than it can. Try again shortly."},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout", "The picture was not ready in time."},
}

var internal = failure{nil, http.StatusInternalServerError, "internal", "Something went wrong in the server."}

// classify finds an error's row.
func classify(err error) failure {
	for _, f := range failures {
		if errors.Is(err, f.is) {
			if f.text == "" {
				f.text = sentence(strings.TrimPrefix(err.Error(), f.is.Error()+": "))
			}
			return f
		}
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		switch he.Code {
		case http.StatusMethodNotAllowed:
			return failure{nil, he.Code, "method-not-allowed", "Pictures are asked for by GET or HEAD."}
		case http.StatusNotFound:
			return failure{nil, he.Code, "malformed-path", "There is nothing at this path."}
		}
	}
	return internal
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// writeError is Echo's error handler, the only one.
func (s *Server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil {
		return // the client has left: nobody reads an answer
	}
	f := classify(err)
	s.answers.WithLabelValues(f.code).Inc()
	id := rand.Text()[:12]
	h := c.Response().Header()
	noStore(h)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Request-Id", id)
	if f.status == http.StatusServiceUnavailable {
		// Spread over a few seconds, so that those who come back do not come together.
		h.Set("Retry-After", strconv.Itoa(1+mathrand.IntN(5)))
	}
	text := fmt.Sprintf("%s: %s (request %s)\n", f.code, f.text, id)
	if s.cfg.FullErrors {
		text += fmt.Sprintf("cause: %v %s\n", err, details(err))
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	s.logError(c, f, id, err)
	c.Response().WriteHeader(f.status)
	if c.Request().Method != http.MethodHead {
		_, _ = c.Response().Write([]byte(text)) // the client may have left
	}
}

// logError tells the operator what the client is not told.
func (s *Server) logError(c echo.Context, f failure, id string, err error) {
	level := s.log.Debug
	switch {
	case f.status == http.StatusInternalServerError:
		level = s.log.Error
	case f.status > http.StatusInternalServerError:
		level = s.log.Warn
	}
	attrs := []any{"status", f.status, "code", f.code, "request", id, "target", clip(c.Request().RequestURI), "err", err}
	if d := details(err); d != "" {
		attrs = append(attrs, "detail", d)
	}
	level("request failed", attrs...)
}

// details is what an error knows and does not say: a codec's words, a
// network's. It is for the operator alone.
func details(err error) string {
	var d interface{ Details() string }
	if errors.As(err, &d) {
		return d.Details()
	}
	return ""
}

func clip(s string) string {
	if len(s) > 500 {
		return s[:500] + "…"
	}
	return s
}
