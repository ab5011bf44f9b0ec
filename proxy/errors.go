package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
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
	// lasts is for how long those who ask again get the same answer, without
	// anything being asked or worked on for it.
	lasts time.Duration
	// stale says that a picture that is there already, though no longer fresh,
	// is the better answer.
	stale bool
}

// How long errors last: what says something of the picture or of its absence;
// what may be over as soon as an upload is; what may be over at any moment.
const (
	lasting  = 5 * time.Minute
	settling = time.Minute
	passing  = 3 * time.Second
)

const methodNotAllowed = "method-not-allowed"

const unreachable = "The source could not be fetched."

// failures is the one place where an error becomes a status; the first row
// that fits counts.
var failures = []failure{
	{signedurl.ErrSignature, http.StatusForbidden, "wrong-signature", "The signature does not match the path; `pictor explain URL` shows why.", 0, false},
	{signedurl.ErrUnknownOption, http.StatusNotFound, "unknown-option", "", 0, false},
	{signedurl.ErrUnknownPreset, http.StatusNotFound, "unknown-preset", "", 0, false},
	{signedurl.ErrBadArgument, http.StatusNotFound, "bad-argument", "", 0, false},
	{signedurl.ErrMalformed, http.StatusNotFound, "malformed-path", "", 0, false},
	{errNotAllowed, http.StatusForbidden, "option-not-allowed", "", 0, false},
	{errExpired, http.StatusNotFound, "expired", "This URL has expired.", 0, false},

	{origin.ErrSourceNotAllowed, http.StatusForbidden, "source-not-allowed", "", 0, false},
	{origin.ErrBadSource, http.StatusNotFound, "bad-source", "", 0, false},
	{origin.ErrNotFound, http.StatusNotFound, "source-not-found", "The source does not exist.", settling, false},
	{origin.ErrTooLarge, http.StatusUnprocessableEntity, "source-too-large", "", settling, false},
	{origin.ErrTimeout, http.StatusGatewayTimeout, "source-timeout", "The source took too long to respond.", passing, true},
	// One text for all of these: which addresses are refused, and how the
	// ones that are not behave, is nobody's business.
	{origin.ErrRefused, http.StatusBadGateway, "source-unreachable", unreachable, passing, true},
	{origin.ErrUnreachable, http.StatusBadGateway, "source-unreachable", unreachable, passing, true},
	{origin.ErrDenied, http.StatusBadGateway, "source-unreachable", unreachable, passing, false},
	{origin.ErrStatus, http.StatusBadGateway, "source-unreachable", unreachable, passing, true},
	{origin.ErrRedirects, http.StatusBadGateway, "source-unreachable", unreachable, passing, true},
	{origin.ErrTruncated, http.StatusBadGateway, "source-unreachable", unreachable, passing, true},
	{origin.ErrLoop, http.StatusLoopDetected, origin.LoopDetail, "", 0, true},
	// Only an origin that sent a success comes this far: these texts tell nothing
	// more of a network than an image would.
	{origin.ErrPartial, http.StatusBadGateway, "source-unreachable", "", passing, true},
	{origin.ErrEncoding, http.StatusBadGateway, "source-unreachable", "", passing, true},
	{origin.ErrCoding, http.StatusUnsupportedMediaType, "unsupported-type", "", lasting, true}, // RFC 9110 §15.5.16

	{transform.ErrUnsupported, http.StatusUnsupportedMediaType, "unsupported-type", "", lasting, true},
	{transform.ErrTruncated, http.StatusUnprocessableEntity, "truncated", "", settling, true},
	{transform.ErrMalformed, http.StatusUnprocessableEntity, "broken-picture", "", lasting, true},
	{transform.ErrLimit, http.StatusUnprocessableEntity, "over-limit", "", lasting, false},
	{transform.ErrMemory, http.StatusUnprocessableEntity, "overran", "This image needs more memory to decode than estimated from its header.", 0, true},
	{transform.ErrCPU, http.StatusUnprocessableEntity, "overtime", "This image needs more processor time than images of its size.", 0, true},
	{transform.ErrTimeout, http.StatusGatewayTimeout, "transform-timeout", "The image took too long to process.", passing, true},
	{transform.ErrNoWorker, http.StatusServiceUnavailable, "no-worker", "The server cannot process images right now. Try again shortly.", 0, true},
	{transform.ErrCrashed, http.StatusUnprocessableEntity, "crashed", "This image cannot be decoded: the decoder crashed twice.", 0, true},

	{errPoison, http.StatusUnprocessableEntity, "poison", "", 0, true},
	{budget.ErrTooLarge, http.StatusUnprocessableEntity, "too-large", "", settling, false},
	{budget.ErrSaturated, http.StatusServiceUnavailable, "shed", "The server is overloaded. Try again shortly.", 0, true},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout", "The image was not ready in time. Try again shortly.", 0, true},
}

var internal = failure{nil, http.StatusInternalServerError, "internal", "Internal error. The server's log has the cause.", 0, true}

// ClassifyError is what an error means to the cache of the pictures that it is told
// instead of: cache.Config.Classify.
func ClassifyError(err error) cache.ErrorClass {
	if sources.IsURLScoped(err) {
		return cache.ErrorClass{Stale: true, LeaderOnly: true}
	}
	f := classify(err)
	return cache.ErrorClass{For: f.lasts, Stale: f.stale}
}

// negativeTTL is for how long an error of a source is remembered. transient says
// that it tells of the origin, and not of the source.
func negativeTTL(err error) (ttl time.Duration, transient bool) {
	ttl = classify(err).lasts
	return ttl, ttl <= passing
}

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
			return failure{status: he.Code, code: methodNotAllowed, text: "Use GET or HEAD for images."}
		case http.StatusNotFound:
			return failure{status: he.Code, code: "malformed-path", text: "There is nothing at this path."}
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
	h := c.Response().Header()
	h.Set("Cache-Status", errorStatus(f, err))
	h.Set("Access-Control-Allow-Origin", "*")
	s.writeFailure(c.Response(), c.Request(), f, err)
}

// writeFailure answers with an error, in the form that all have on both ports,
// and logs it.
func (s *Server) writeFailure(w http.ResponseWriter, r *http.Request, f failure, err error) {
	id := requestIDOf(w)
	h := w.Header()
	noStore(h)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	if after := retryAfter(f, err); after > 0 {
		h.Set("Retry-After", strconv.Itoa(after))
	}
	text := fmt.Sprintf("%s: %s (request %s)\n", f.code, f.text, id)
	if s.cfg.FullErrors {
		text += cause(f, err)
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	s.logError(r, f, id, err)
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text) // the client may have left
	}
}

// retryAfter is when a client may come back, in seconds; 0 where nobody knows. It
// is spread over a few seconds, so that those who come back do not come together.
func retryAfter(f failure, err error) int {
	var later interface{ RetryAfter() time.Duration }
	switch {
	case errors.As(err, &later):
		return int(later.RetryAfter()/time.Second) + 1 + mathrand.IntN(3)
	case f.status == http.StatusServiceUnavailable:
		return 1 + mathrand.IntN(5)
	}
	return 0
}

// cause is a line with what an error knows beyond its sentence; "" for nothing.
func cause(f failure, err error) string {
	text, more := err.Error(), errorDetails(err)
	known := f.status < http.StatusInternalServerError
	if f.is != nil {
		known = text == f.is.Error() || sentence(strings.TrimPrefix(text, f.is.Error()+": ")) == f.text
	}
	switch {
	case known && more == "":
		return ""
	case more != "":
		text += ": " + more
	}
	return "cause: " + text + "\n"
}

// errorStatus says where an error is from (RFC 9211).
func errorStatus(f failure, err error) string {
	var known *cache.Remembered
	if errors.As(err, &known) {
		return "pictor; hit; detail=" + f.code
	}
	return "pictor; fwd=miss; detail=" + f.code
}
