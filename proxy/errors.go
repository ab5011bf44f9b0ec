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
	"github.com/pictor-proxy/pictor/proxy/facts"
	"github.com/pictor-proxy/pictor/proxy/hidden"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/upload"
	"github.com/pictor-proxy/pictor/transform"
)

// failure is how a client sees an error. A code never changes its meaning: people search
// for it, and metrics are labelled by it.
type failure struct {
	target error
	status int
	code   string
	// text is what clients are told. Where it is empty they get the text of the error,
	// which speaks of the URL or the image alone.
	text string
	// negativeTTL is for how long later requests get the same error from a negative
	// entry, without a fetch or a transform.
	negativeTTL time.Duration
	// staleFallback says that a stale entry is served instead, if there is one
	// (stale-if-error, RFC 5861 §4).
	staleFallback bool
}

// The lifetimes of negative entries: of errors that come from the content of a source;
// of those that end as soon as an upload does; of those that may end at any moment.
const (
	negTTLContent   = 5 * time.Minute
	negTTLMissing   = time.Minute
	negTTLTransient = 3 * time.Second
)

const codeMethodNotAllowed = "method-not-allowed"

// The codes of hidden sources, which both ports have.
const (
	codeUnknownHash       = "unknown-hash"
	textUnknownHash       = "No source is registered for this hash."
	codeHiddenUnavailable = "hidden-unavailable"
	textHiddenUnavailable = "The server cannot look up this source now. Try again shortly."
)

const (
	codeKeyPolicy = "key-policy"
	textKeyPolicy = "The key of this URL may not ask for that; `pictor explain URL` names the rule."
)

const textUnreachable = "The source could not be fetched: the log of the server says why."

// failureTable is the one place where an error becomes a status. The first row that
// matches counts.
var failureTable = []failure{
	{signedurl.ErrSignature, http.StatusForbidden, "wrong-signature",
		"The signature does not match the path; `pictor explain URL` shows why.", 0, false},
	{signedurl.ErrUnsigned, http.StatusForbidden, "unsigned",
		"Without a signature only what the operator lists is served; `pictor explain URL` names the rule.", 0, false},
	{signedurl.ErrNotInList, http.StatusForbidden, "not-in-list", "", 0, false},
	{ErrKeyRevoked, http.StatusForbidden, "key-revoked",
		"The key that this URL is signed with has been revoked.", 0, false},
	{ErrKeyPolicy, http.StatusForbidden, codeKeyPolicy, textKeyPolicy, 0, false},
	{signedurl.ErrScope, http.StatusForbidden, codeKeyPolicy, textKeyPolicy, 0, false},
	{errKeyRate, http.StatusTooManyRequests, "rate-limited", // RFC 6585 §4
		"Too many new images were asked for with the key of this URL. Try again shortly.", 0, true},
	{signedurl.ErrUnknownOption, http.StatusNotFound, "unknown-option", "", 0, false},
	{signedurl.ErrUnknownPreset, http.StatusNotFound, "unknown-preset", "", 0, false},
	{signedurl.ErrBadArgument, http.StatusNotFound, "bad-argument", "", 0, false},
	{signedurl.ErrMalformed, http.StatusNotFound, "malformed-path", "", 0, false},
	{errNotAllowed, http.StatusForbidden, "option-not-allowed", "", 0, false},
	{errWrongMethod, http.StatusMethodNotAllowed, codeMethodNotAllowed, "", 0, false},
	{upload.ErrBad, http.StatusBadRequest, "bad-upload", "", 0, false},
	{upload.ErrTooLarge, http.StatusRequestEntityTooLarge, "upload-too-large", "", 0, false},
	{upload.ErrUnsupported, http.StatusUnsupportedMediaType, "unsupported-type", "", 0, false},
	{upload.ErrSlow, http.StatusRequestTimeout, "upload-timeout", "", 0, false},
	{errExpired, http.StatusNotFound, "expired", "This URL has expired.", 0, false},

	{hidden.ErrUnknown, http.StatusNotFound, codeUnknownHash, textUnknownHash, 0, false},
	{hidden.ErrStalled, http.StatusServiceUnavailable, codeHiddenUnavailable, textHiddenUnavailable, 0, false},
	{hidden.ErrLog, http.StatusServiceUnavailable, codeHiddenUnavailable, textHiddenUnavailable, 0, false},

	{origin.ErrSourceNotAllowed, http.StatusForbidden, "source-not-allowed", "", 0, false},
	{origin.ErrBadSource, http.StatusNotFound, "bad-source", "", 0, false},
	{origin.ErrNotFound, http.StatusNotFound, "source-not-found", "The source does not exist.", negTTLMissing, false},
	{origin.ErrTooLarge, http.StatusUnprocessableEntity, "source-too-large", "", negTTLMissing, false},
	{origin.ErrTimeout, http.StatusGatewayTimeout, "source-timeout",
		"The source took too long to respond.", negTTLTransient, true},
	// One text for all of these: a client must not learn which addresses are refused,
	// nor how hosts behind the others behave.
	{origin.ErrRefused, http.StatusBadGateway, "source-unreachable", textUnreachable, negTTLTransient, true},
	{origin.ErrUnreachable, http.StatusBadGateway, "source-unreachable", textUnreachable, negTTLTransient, true},
	{origin.ErrDenied, http.StatusBadGateway, "source-unreachable", textUnreachable, negTTLTransient, false},
	{origin.ErrStatus, http.StatusBadGateway, "source-unreachable", textUnreachable, negTTLTransient, true},
	{origin.ErrRedirects, http.StatusBadGateway, "source-unreachable", textUnreachable, negTTLTransient, true},
	{origin.ErrTruncated, http.StatusBadGateway, "source-unreachable", textUnreachable, negTTLTransient, true},
	{origin.ErrLoop, http.StatusLoopDetected, origin.LoopDetail, "", 0, true},
	// Only an origin that sent a success gets to these: their texts tell no more of a
	// network than an image would.
	{origin.ErrPartial, http.StatusBadGateway, "source-unreachable", "", negTTLTransient, true},
	{origin.ErrEncoding, http.StatusBadGateway, "source-unreachable", "", negTTLTransient, true},
	{origin.ErrCoding, http.StatusUnsupportedMediaType, "unsupported-type",
		"", negTTLContent, true}, // RFC 9110 §15.5.16

	{transform.ErrUnsupported, http.StatusUnsupportedMediaType, "unsupported-type", "", negTTLContent, true},
	{transform.ErrTruncated, http.StatusUnprocessableEntity, "truncated", "", negTTLMissing, true},
	{transform.ErrMalformed, http.StatusUnprocessableEntity, "broken-picture", "", negTTLContent, true},
	{transform.ErrLimit, http.StatusUnprocessableEntity, "over-limit", "", negTTLContent, false},
	{transform.ErrMemory, http.StatusUnprocessableEntity, "overran",
		"This image needs more memory to decode than estimated from its header.", 0, true},
	{transform.ErrCPU, http.StatusUnprocessableEntity, "overtime",
		"This image needs more processor time than images of its size.", 0, true},
	{facts.ErrHashsum, http.StatusUnprocessableEntity, "wrong-hashsum",
		"The source has another hashsum than the URL demands.", negTTLMissing, false},
	{transform.ErrNoPage, http.StatusUnprocessableEntity, "no-such-page", "", negTTLContent, false},
	{errAnimationTimeout, http.StatusGatewayTimeout, "transform-timeout", "", negTTLTransient, true},
	{transform.ErrTimeout, http.StatusGatewayTimeout, "transform-timeout",
		"The image took too long to process.", negTTLTransient, true},
	{transform.ErrNoWorker, http.StatusServiceUnavailable, "no-worker",
		"The server cannot process images right now. Try again shortly.", 0, true},
	{transform.ErrCrashed, http.StatusUnprocessableEntity, "crashed",
		"This image cannot be decoded: the decoder crashed twice.", 0, true},

	{errQuarantined, http.StatusUnprocessableEntity, "poison", "", 0, true},
	{budget.ErrTooLarge, http.StatusUnprocessableEntity, "too-large", "", negTTLMissing, false},
	{budget.ErrSaturated, http.StatusServiceUnavailable, "shed",
		"The server is overloaded. Try again shortly.", 0, true},
	// No client gets these two: they are of background work.
	{budget.ErrYielded, http.StatusServiceUnavailable, "shed",
		"Requests of clients left no room for this image.", 0, false},
	{memory.ErrOnlyExclusive, http.StatusUnprocessableEntity, "too-large", "", 0, false},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout",
		"The image was not ready in time. Try again shortly.", 0, true},
}

var internalFailure = failure{
	status: http.StatusInternalServerError, code: "internal",
	text: "Internal error. The server's log has the cause.", staleFallback: true,
}

// ClassifyError says how the cache treats the error of a fill: cache.Config.Classify.
func ClassifyError(err error) cache.ErrorClass {
	if sources.IsURLScoped(err) || errors.Is(err, errKeyRate) {
		return cache.ErrorClass{Stale: true, LeaderOnly: true}
	}
	if errors.Is(err, errDeferred) || errors.Is(err, budget.ErrYielded) || errors.Is(err, memory.ErrOnlyExclusive) {
		return cache.ErrorClass{LeaderOnly: true} // what stops background work does not stop a client
	}
	f := failureOf(err)
	return cache.ErrorClass{For: f.negativeTTL, Stale: f.staleFallback}
}

// negativeTTL is the lifetime of the negative entry of a source. transient says that the
// error tells of the origin and not of the source.
func negativeTTL(err error) (ttl time.Duration, transient bool) {
	ttl = failureOf(err).negativeTTL
	return ttl, ttl <= negTTLTransient
}

// failureOf is how a client sees an error, in the dialect of its request.
func failureOf(err error) failure {
	f := rowOf(err)
	var mounted *mountError
	if errors.As(err, &mounted) {
		f.status = mounted.statusOf(f.code, f.status)
	}
	return f
}

// rowOf finds the row of an error.
func rowOf(err error) failure {
	for _, f := range failureTable {
		if errors.Is(err, f.target) {
			if f.text == "" {
				f.text = asSentence(strings.TrimPrefix(err.Error(), f.target.Error()+": "))
			}
			return f
		}
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		switch he.Code {
		case http.StatusMethodNotAllowed:
			return failure{status: he.Code, code: codeMethodNotAllowed, text: "Use GET or HEAD for images."}
		case http.StatusNotFound:
			return failure{status: he.Code, code: "malformed-path", text: "There is nothing at this path."}
		}
	}
	return internalFailure
}

// causeWithoutSource is the text of an error that names no source: those of its kind have one text.
func (f failure) causeWithoutSource(err error) string {
	if f.target != nil {
		return f.target.Error()
	}
	return err.Error()
}

// tellsOrigin says whether the cause of an error may name the source, or the host of it.
func (f failure) tellsOrigin() bool {
	return strings.HasPrefix(f.code, "source-") || f.code == "bad-source" || f.code == origin.LoopDetail
}

func asSentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// writeError answers all requests that failed.
func (s *Server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil {
		return // the client has left
	}
	f := failureOf(err)
	s.figures.answers.WithLabelValues(f.code).Inc()
	h := c.Response().Header()
	h.Set("Cache-Status", errorStatus(f, err))
	h.Set("Access-Control-Allow-Origin", "*")
	var other *wrongMethodError
	if errors.As(err, &other) {
		h.Set("Allow", other.allow) // RFC 9110 §15.5.6
	}
	s.writeFailure(c.Response(), c.Request(), f, err)
}

// writeFailure responds with an error, in the one form for both ports, and logs it.
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
		text += causeLine(f, err)
	}
	if s.cfg.FullErrors && wantsPicture(r) {
		h.Set("Content-Type", "image/svg+xml")
		text = drawError(f.status, f.code, text)
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	rec := recordOf(w)
	rec.noteFailure(f.code)
	rec.setServerTiming(h)
	s.logError(rec, r, f, id, err)
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text) // the client may have left
	}
}

// retryAfter is after how many seconds a client may come back; 0 where that is not known. It
// is spread over a few seconds, so that clients do not come back at the same time.
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

// causeLine is a line with the cause of an error; "" where its sentence says it all.
func causeLine(f failure, err error) string {
	text, more := err.Error(), errorDetails(err)
	known := f.status < http.StatusInternalServerError
	if f.target != nil {
		known = text == f.target.Error() || asSentence(strings.TrimPrefix(text, f.target.Error()+": ")) == f.text
	}
	switch {
	case known && more == "":
		return ""
	case more != "":
		text += ": " + more
	}
	return "cause: " + text + "\n"
}

// errorStatus is the Cache-Status of an error (RFC 9211).
func errorStatus(f failure, err error) string {
	var known *cache.Remembered
	if errors.As(err, &known) {
		return "pictor; hit; detail=" + f.code
	}
	return "pictor; fwd=miss; detail=" + f.code
}
