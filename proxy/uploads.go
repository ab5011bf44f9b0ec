package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/upload"
)

// errWrongMethod is of a method that the path does not have.
var errWrongMethod = errors.New("method not allowed")

// wrongMethodError is an errWrongMethod that knows better.
type wrongMethodError struct{ allow, advice string }

func (e *wrongMethodError) Error() string { return errWrongMethod.Error() + ": " + e.advice }

// Unwrap gives errWrongMethod.
func (e *wrongMethodError) Unwrap() error { return errWrongMethod }

// minUploadRate is the least rate of a body, in bytes a second: that of a source (origin.Config.MinRate).
const minUploadRate = 8 << 10

// allowUploads registers the paths of uploads, which take all of POST.
func (s *Server) allowUploads() {
	upload := s.recorded(routeUpload, s.serveUpload)
	refuse := s.recordedPlain(routeOther, func(echo.Context) error {
		return &wrongMethodError{"GET, HEAD", "use GET or HEAD for images"}
	})
	s.echo.POST("/*", func(c echo.Context) error {
		if s.cfg.inForce.Load().MaxUpload > 0 {
			return upload(c)
		}
		return refuse(c)
	})
}

// isUpload says whether the path of a target is one for an upload on this server.
func (s *Server) isUpload(target string) bool {
	_, ok := signedurl.CutUpload(signedurl.WithoutPrefix(target, s.cfg.inForce.Load().PathPrefix))
	return ok && s.cfg.inForce.Load().MaxUpload > 0
}

// serveUpload answers a request whose body is the source: verify, parse, negotiate, receive, transform, respond. What
// it makes is in no cache.
func (s *Server) serveUpload(c echo.Context, rec *responseRecord) error {
	r := c.Request()
	m, _ := s.mountOf(r.RequestURI)
	rec.dialect, rec.class = s.dialectOf(r.RequestURI), classUpload
	ask, err := s.readUploadRequest(r)
	if err == nil {
		err = s.checkUpload(ask)
	}
	ask.by.countRequest(err)
	if err == nil {
		err = s.answerUpload(c, rec, m, ask)
	}
	return m.errorOf(err)
}

// uploadRequest is what the target of an upload asks for.
type uploadRequest struct {
	req signedurl.Request
	// field is the name of the file in a form; "" means "file".
	field string
	// by is the key that signed the path; nil for one without a policy.
	by *accessKey
}

// readUploadRequest reads the target of an upload. Nothing of it is parsed before it is verified.
func (s *Server) readUploadRequest(r *http.Request) (ask uploadRequest, err error) {
	if m, rest := s.mountOf(r.RequestURI); m != nil && m.ParseUpload != nil {
		ask.req, ask.field, err = m.ParseUpload(rest, r.Header.Get("API-Key"))
		return ask, err
	}
	path, ok := signedurl.CutUpload(signedurl.WithoutPrefix(r.RequestURI, s.cfg.inForce.Load().PathPrefix))
	if !ok {
		return ask, &wrongMethodError{"GET, HEAD", "use GET or HEAD for images; a POST is for paths that begin with /" +
			signedurl.UploadMark + "/"}
	}
	rules := s.cfg.inForce.Load()
	verified, err := rules.Keyring.Verify(path)
	if err != nil {
		return ask, err
	}
	key, dialect, err := rules.keyOf(verified)
	ask.by = key
	if err == nil {
		ask.req, err = dialect.ParseUpload(verified)
	}
	return ask, err
}

// checkUpload refuses what has expired, and what the server, or the policy of the key, does not let URLs have. Each
// upload is a miss, and is none of the sources that a policy lists.
func (s *Server) checkUpload(ask uploadRequest) error {
	if ask.req.Expired(s.now()) {
		return errExpired
	}
	if err := s.checkPermissions(ask.req); err != nil || ask.by == nil {
		return err
	}
	if ask.by.policy.Sources != nil {
		return fmt.Errorf("%w: an upload is none of the sources (sources)", ErrKeyPolicy)
	}
	if err := ask.by.policy.Check(ask.req, s.cfg.inForce.Load().Origin.IsAmong, s.now()); err != nil {
		return err
	}
	return ask.by.takeMiss(s.now())
}

// answerUpload is serveUpload behind the target.
func (s *Server) answerUpload(c echo.Context, rec *responseRecord, m *Mount, ask uploadRequest) error {
	r := c.Request()
	asked := ask.req
	rec.asked = &asked
	varies := s.negotiateFormat(m, &ask.req, r.Header["Accept"])
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.inForce.Load().RequestTimeout)
	defer cancel()
	clock := rec.clock()
	wait := budget.NewQueueWait(s.cfg.inForce.Load().QueueWait)
	wait.Observe(clock)
	clock.enter(phaseFetch)
	src, err := s.receiveUpload(ctx, c, wait, ask.field)
	if err != nil {
		return err
	}
	clock.enter(phaseTransform)
	entry, err := s.transformUpload(ctx, ask.req, src, wait)
	if err != nil {
		return err
	}
	t, err := s.memory.Responses.Admit(ctx, wait, entry)
	s.memory.Responses.Landed(entry) // no cache takes it
	if err != nil {
		return err
	}
	defer s.memory.Responses.Release(t)
	return s.respondToUpload(c, factsOf(ask.req, varies), t, entry)
}

// receiveUpload reads the body into memory that a worker can map, as far as it is admitted.
func (s *Server) receiveUpload(
	ctx context.Context, c echo.Context, wait *budget.QueueWait, field string,
) (*sources.Source, error) {
	end, _ := ctx.Deadline()
	body, err := upload.Open(c.Request(), http.NewResponseController(c.Response()).SetReadDeadline, upload.Limits{
		Bytes: s.cfg.inForce.Load().MaxUpload, Rate: minUploadRate, Deadline: end, Field: field,
	})
	if err != nil {
		return nil, err
	}
	s.memory.NoteActivity()
	admitted := s.memory.Uploads.New(func() { body.Abort(budget.ErrSaturated) })
	defer admitted.End()
	body.Received(admitted.Received)
	src, err := s.sources.Receive(ctx, wait, func(w io.Writer, reserve func(int64) error) error {
		defer admitted.Done()
		_, err := body.CopyTo(w, func(n int64) error {
			err := admitted.Reserve(ctx, wait, n)
			if errors.Is(err, budget.ErrTooLarge) {
				return s.memory.SourceTooLarge(n)
			}
			if err == nil {
				err = reserve(n)
			}
			return err
		}, admitted.Begin)
		if err == nil {
			c.Response().Header().Del("Connection") // all of the body is read
		}
		return err
	})
	if errors.Is(err, budget.ErrTooLarge) {
		err = fmt.Errorf("%w: %s", upload.ErrTooLarge, strings.TrimPrefix(err.Error(), budget.ErrTooLarge.Error()+": "))
	}
	return src, err
}

// transformUpload makes the result of a source that a client has sent, and releases the source. Where the client
// leaves, the job ends: nobody else wants what it makes.
func (s *Server) transformUpload(
	ctx context.Context, req signedurl.Request, src *sources.Source, wait *budget.QueueWait,
) (*cache.Entry, error) {
	f := &fill{server: s, queueWait: wait, commit: func() error { return context.Cause(ctx) }, source: src}
	defer f.releaseSource()
	// The name is of the bytes, so that the quarantine knows them again.
	req.Source = src.Meta().Identity
	f.cacheRequest = cacheRequest{req: req, identity: req.Source, key: cache.Key(req.Canonical()),
		watermark: s.cfg.inForce.Load().Watermark}
	if err := s.quarantine.checkRequest(f.cacheRequest); err != nil {
		return nil, err
	}
	return f.makeEntry(ctx)
}

// respondToUpload sends the result. Conditions and ranges are of what a GET would give, and there is none.
func (s *Server) respondToUpload(c echo.Context, u urlFacts, t *memory.Transfer, e *cache.Entry) error {
	p, err := t.Writer(c.Response(), c.Request())
	if err != nil {
		return err
	}
	h := c.Response().Header()
	rec := recordOf(c.Response())
	rec.noteEntry(e, cache.Miss)
	s.setImageHeader(h, u, e, cache.Miss, s.now())
	rec.setServerTiming(h)
	noStore(h)
	delete(h, "Etag")
	h["Cache-Status"] = []string{"pictor; fwd=method"}
	err = p.Serve(withoutConditions(c.Request()), e)
	rec.noteSent(t.Sent())
	s.figures.sentBytes.WithLabelValues("upload", "none").Add(float64(t.Sent()))
	s.figures.answers.WithLabelValues("ok").Inc()
	if err != nil {
		panic(http.ErrAbortHandler) // has net/http end the connection, or the stream
	}
	return nil
}

// withoutConditions is a request for all of an image, whatever the client has of it.
func withoutConditions(r *http.Request) *http.Request {
	plain := r.Clone(r.Context())
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since", "If-Match",
		"If-Unmodified-Since"} {
		plain.Header.Del(name)
	}
	return plain
}
