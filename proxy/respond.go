package proxy

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
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

// urlFacts is what a response needs of its URL.
type urlFacts struct {
	// expires is in Unix seconds; 0 for never.
	expires int64
	// name is the name of a file with the image, without extension; attachment has
	// browsers save the image.
	name       string
	attachment bool
	// placeholder is what the header says of the image besides.
	placeholder transform.Placeholder
	// varies is true where the format depends on Accept.
	varies bool
	// mount is nil for a URL of the dialects that the server has itself.
	mount *Mount
	// passed are the names of headers that go on from the request to the origin; nil for none.
	passed []string
	// hits are the figures of the hits that the URL has.
	hits *hitFigures
	// logged is the target for logs; "" where they have none.
	logged string
	// deferral says that the response is not what the URL asks for in the end.
	deferral deferralNote
	readBy
}

// factsOf reads what a response needs of a request.
func factsOf(req signedurl.Request, varies bool) urlFacts {
	name := req.Filename
	switch {
	case name != "":
	case req.IsHidden():
		name = noName
	default:
		name = sourceName(req.Source)
	}
	return urlFacts{expires: req.Expires, name: name, attachment: req.Attachment, varies: varies,
		placeholder: req.Params.Placeholder}
}

// hasExpired says whether the URL was good until before now.
func (u urlFacts) hasExpired(now time.Time) bool { return u.expires != 0 && now.Unix() > u.expires }

// setVary names the headers of requests that the response depends on (RFC 9110 §12.5.5).
func (u urlFacts) setVary(h http.Header) {
	switch {
	case u.passed == nil && u.varies:
		h["Vary"] = []string{"Accept"}
	case u.passed != nil:
		names := u.passed
		if u.varies && !slices.Contains(names, "Accept") {
			names = append([]string{"Accept"}, names...)
		}
		h["Vary"] = []string{strings.Join(names, ", ")}
	}
}

// isPrivate says whether responses may be for one client alone: some caches look at no Vary.
func (u urlFacts) isPrivate() bool {
	return slices.Contains(u.passed, "Authorization") || slices.Contains(u.passed, "Cookie")
}

// setImageHeader sets the header of a response with an entry, but for what
// http.ServeContent adds.
func (s *Server) setImageHeader(h http.Header, u urlFacts, e *cache.Entry, outcome cache.Outcome, now time.Time) {
	for name, value := range constantHeaders {
		h[name] = value
	}
	u.setVary(h)
	h["Etag"] = []string{e.ETag}
	left := lifetimeOf(u, e, outcome, now)
	set := s.cfg.inForce.Load()
	set.CDN.setCacheControl(h, left, int64(set.BrowserTTL/time.Second))
	set.CDN.setTags(h, e)
	status := cacheStatus(e, outcome, now, s.cfg.Clock.InDoubt(now))
	h["Cache-Status"] = []string{withDetail(status, u.deferral.detail())}
	h["Content-Type"] = []string{e.ContentType}
	h["Content-Disposition"] = []string{contentDisposition(u, e.ContentType)}
	setPlaceholder(h, u.placeholder, e)
	u.mount.setHeader(h, outcome)
	if u.passed != nil { // of which a mount knows nothing
		u.setVary(h)
	}
	if u.isPrivate() {
		s.cfg.inForce.Load().CDN.setCacheControl(h, left, int64(s.cfg.inForce.Load().BrowserTTL/time.Second))
	}
}

// placeholderFields are the fields that placeholders are in.
var placeholderFields = map[transform.Placeholder][]string{
	transform.ThumbHash: {"Pictor-Thumbhash"}, transform.BlurHash: {"Pictor-Blurhash"},
	transform.MeanColour: {"Pictor-Color"},
}

// setPlaceholder has a response say the placeholder of its image, if it has one. Scripts of all pages may read it, as
// they may read the image. A 304 says it, too: a cache may have got the image without it, and updates what it has by
// the fields of the 304 (RFC 9111 §4.3.4).
func setPlaceholder(h http.Header, kind transform.Placeholder, e *cache.Entry) {
	if field := placeholderFields[kind]; field != nil && e.Placeholder != "" {
		h[field[0]] = []string{e.Placeholder}
		h["Access-Control-Expose-Headers"] = field
	}
}

// countSent counts the bytes of a response that was sent, whole or in part.
func (s *Server) countSent(t *memory.Transfer, e *cache.Entry, outcome cache.Outcome) {
	s.figures.sentBytes.WithLabelValues(outcome.String(), tierOf(e, outcome)).Add(float64(t.Sent()))
}

// respond sends an entry. The standard library evaluates conditions and ranges of the
// request (RFC 9110 §13 and §14).
func (s *Server) respond(
	c echo.Context, u urlFacts, t *memory.Transfer, e *cache.Entry, outcome cache.Outcome,
) error {
	p, err := t.Writer(c.Response(), c.Request())
	if err != nil {
		return err
	}
	w := c.Response()
	h := w.Header()
	rec := recordOf(w)
	rec.noteEntry(e, outcome)
	s.setImageHeader(h, u, e, outcome, s.now())
	rec.setServerTiming(h)
	w.Before(func() {
		if w.Status >= http.StatusBadRequest { // an error is for this client alone
			noStore(h)
		}
	})
	ignoreRange(c.Request(), e.Size())
	err = p.Serve(c.Request(), e)
	rec.noteSent(t.Sent())
	s.countSent(t, e, outcome)
	switch w.Status {
	case http.StatusNotModified:
		s.figures.answers.WithLabelValues("not-modified").Inc()
	case http.StatusOK, http.StatusPartialContent:
		s.figures.answers.WithLabelValues("ok").Inc()
	default:
		s.figures.answers.WithLabelValues("bad-range").Inc()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // has net/http end the connection, or the stream
	}
	return nil
}
