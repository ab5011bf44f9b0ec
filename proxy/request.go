package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// errExpired is of a URL whose time (exp) has passed.
var errExpired = errors.New("expired")

// errNotAllowed is of a URL that sets limits where URLs may not.
var errNotAllowed = errors.New("option not allowed")

// serveImage answers a request for an image: verify, parse, negotiate, look up or fill,
// respond.
func (s *Server) serveImage(c echo.Context, rec *responseRecord) error {
	r := c.Request()
	rec.dialect = s.dialectOf(r.RequestURI)
	read, err := s.readTarget(r.RequestURI)
	if err != nil {
		return err
	}
	if read.dialect != "" {
		rec.dialect = read.dialect
	}
	req := read.Request
	m, _ := s.mountOf(r.RequestURI)
	varies := s.negotiateFormat(m, &req, r.Header["Accept"])
	u := factsOf(req, varies)
	u.mount, u.passed = m, s.cfg.inForce.Load().Origin.PassedHeaders(req.Source)
	u.readBy, u.hits = read.readBy, s.figures.hitsOf(rec.dialect)
	rec.asked = &read.Request
	if s.cfg.inForce.Load().RequestLog.logsHits() {
		u.logged = s.targetOf(r.RequestURI, read.Request)
	}
	u.setVary(c.Response().Header())
	a := s.newCacheRequest(req)
	a.passHeaders(u.passed, r.Header)
	a.by, a.clock = read.key, rec.clock()
	a.concealed = hidesSource(r.RequestURI, read.Request)
	a.trace = s.traceFetches(rec, r, read.Request)
	a.quick = s.quickAnswerTo(m, read.Request, a, r.Header["Accept"])
	// Checked before the lookup: a fill that the request joins could be waiting for this very request.
	if a.hops, err = s.cfg.inForce.Load().Origin.Hops(r.Header); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.inForce.Load().RequestTimeout)
	defer cancel()
	entry, outcome, t, err := s.getOrDefer(ctx, a, &u)
	if err != nil {
		rec.failed(err)
		return s.serveFailure(c, req, u, err)
	}
	rec.answeredBy(outcome)
	rec.deferred = u.deferral.what
	defer entry.Close()
	defer s.memory.Responses.Release(t)
	if err := s.respond(c, u, t, entry, outcome); err != nil {
		return err
	}
	if !entry.NoStore && u.deferral == (deferralNote{}) {
		s.rememberTarget(r, a, u)
	}
	return nil
}

// rememberTarget adds the target of a request that was answered to the known ones.
func (s *Server) rememberTarget(r *http.Request, a cacheRequest, u urlFacts) {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return // PathOf reads the absolute form, which serveHit leaves to serveImage
	}
	s.targets.learn(s.knownName(r.RequestURI), u, s.variantOf(u, r.Header), a.key)
}

// readRequest is readTarget without what the request was read by.
func (s *Server) readRequest(target string) (signedurl.Request, error) {
	read, err := s.readTarget(target)
	return read.Request, err
}

// readTarget reads a request target, by the rules in force. Nothing of it is parsed before its signature is
// verified. Where it is an error there is no request.
func (s *Server) readTarget(target string) (read reading, err error) {
	rules := s.cfg.inForce.Load()
	m, rest := MountOf(rules.Mounts, target)
	if m != nil {
		read.Request, err = s.parseMounted(m, rest)
	} else {
		read, err = s.parseVerified(rules, target)
	}
	if err == nil {
		err = s.checkReading(read)
	}
	read.key.countRequest(err)
	read.generation = rules.generation
	if err != nil {
		return reading{}, m.errorOf(err)
	}
	return read, nil
}

// checkReading refuses what the server, or the policy of the key, does not let URLs ask for.
func (s *Server) checkReading(read reading) error {
	if read.Expired(s.now()) {
		return errExpired
	}
	if err := s.checkPermissions(read.Request); err != nil {
		return err
	}
	// Also what is cached already: an operator who takes a source off the list means it to be gone.
	if err := s.cfg.inForce.Load().Origin.Permits(read.Source); err != nil {
		return err
	}
	if read.key == nil {
		return nil
	}
	return read.key.policy.Check(read.Request, s.cfg.inForce.Load().Origin.IsAmong, s.now())
}

// parseVerified verifies a target and parses it in the dialect whose path it has.
func (s *Server) parseVerified(rules *rulesInForce, target string) (read reading, err error) {
	if path, ok := rules.thumborPath(target); ok {
		verified, err := rules.Thumbor.Verify(path)
		switch {
		case err == nil:
			read.dialect = dialectThumbor
			read.Request, err = rules.Thumbor.Parse(verified)
			return read, err
		case rules.ThumborPath != "/":
			return read, err
		}
		// At the root the path may be of the native dialect.
	}
	own := signedurl.WithoutPrefix(target, rules.PathPrefix)
	if path, ok := signedurl.CutInfo(own); ok {
		return s.parseInfo(rules, path)
	}
	read, err = s.parseNative(rules, own)
	if err != nil && s.isUpload(target) {
		err = &wrongMethodError{"POST", "this path is for an upload; send the image with POST"}
	}
	return read, err
}

// thumborPath is the part of a target behind the prefix of thumbor's dialect.
func (r *rulesInForce) thumborPath(target string) (string, bool) {
	if r.Thumbor == nil {
		return "", false
	}
	prefix := strings.TrimSuffix(r.ThumborPath, "/")
	path := signedurl.WithoutPrefix(signedurl.PathOf(target), prefix)
	return path, path != ""
}

func (s *Server) parseNative(rules *rulesInForce, target string) (read reading, err error) {
	if path, ok := signedurl.CutUnsigned(target); ok && rules.Unsigned != nil {
		read.Request, err = s.parseUnsigned(rules, path)
		return read, err
	}
	verified, choice, err := rules.Dialect.VerifyChoice(rules.Keyring, target)
	if err != nil {
		return read, err
	}
	read, err = rules.parse(verified, choice)
	read.Request, err = s.cfg.Hidden.withSource(read.Request, err)
	return read, err
}

// parseUnsigned reads the part of a path behind signedurl.UnsignedMark.
func (s *Server) parseUnsigned(rules *rulesInForce, path string) (signedurl.Request, error) {
	req, err := s.cfg.Hidden.withSource(rules.Dialect.ParseUnderRules(path, rules.Unsigned.Rules))
	if err == nil {
		err = rules.Unsigned.CheckSource(s.cfg.inForce.Load().Origin, req.Source)
	}
	if err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}

// checkPermissions refuses options that this server does not let URLs have.
func (s *Server) checkPermissions(req signedurl.Request) error {
	rules := s.cfg.inForce.Load()
	if req.NeedsPermission() && !rules.AllowSecurityOptions {
		return fmt.Errorf("%w: this server does not let URLs set limits (--allow-security-options)", errNotAllowed)
	}
	if req.Params.Watermark.On() && rules.Watermark == nil {
		return errNoWatermark
	}
	return nil
}

// getOrDefer is getAndAdmit or, where the result is deferred and not there, that of the quicker one.
func (s *Server) getOrDefer(
	ctx context.Context, a cacheRequest, u *urlFacts,
) (e *cache.Entry, o cache.Outcome, t *memory.Transfer, err error) {
	if e, o, t, err = s.getAndAdmit(ctx, a); !errors.Is(err, errDeferred) {
		return e, o, t, err
	}
	if e, o, t, err = s.getAndAdmit(ctx, a.quick.cacheRequest); err == nil {
		u.deferral = s.deferrals.add(a, e)
	}
	return e, o, t, err
}

// getAndAdmit gets the entry of a request, from a fill if need be, and admits the bytes
// of the response: the caller releases the transfer, then closes the entry. An entry
// that is purged while the request waits for admission is looked up again.
func (s *Server) getAndAdmit(
	ctx context.Context, a cacheRequest,
) (e *cache.Entry, o cache.Outcome, t *memory.Transfer, err error) {
	wait := budget.NewQueueWait(s.cfg.inForce.Load().QueueWait)
	wait.Observe(a.clock)
	defer s.memory.Responses.RegisterRequest(a.key)()
	for {
		e, o, err = s.getEntry(ctx, a)
		if o == cache.Collapsed && a.hops.Elsewhere(err) {
			continue
		}
		if err != nil {
			return nil, o, nil, err
		}
		if len(e.Body) > memory.SmallResult {
			e = s.cfg.Cache.Stored(ctx, e)
		}
		t, err := s.memory.Responses.Admit(ctx, wait, e)
		if err != nil {
			e.Close()
			return nil, o, nil, err
		}
		if s.cfg.Cache.Holds(e, o) {
			return e, o, t, nil
		}
		s.memory.Responses.Release(t)
		e.Close()
	}
}

// getEntry is the lookup of a request. The phases of a fill count for the request as long as it waits for it.
func (s *Server) getEntry(ctx context.Context, a cacheRequest) (*cache.Entry, cache.Outcome, error) {
	a.phases = a.clock.beginFill()
	if a.quick != nil {
		e, o, err := s.getDeferred(ctx, a)
		a.phases.end(o == cache.Collapsed)
		return e, o, err
	}
	fill := func(ctx context.Context, commit func() error, old *cache.Entry) (*cache.Entry, error) {
		return s.fillOrShare(ctx, commit, old, a)
	}
	e, o, err := s.cfg.Cache.Get(ctx, a.key, fill)
	a.phases.end(o == cache.Collapsed)
	return e, o, err
}
