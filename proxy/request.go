package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// errExpired: the URL was good until a time that has passed.
var errExpired = errors.New("expired")

// errNoInfo: a path of imgproxy Pro's info endpoint, /info/SIGNATURE/…, that some
// client libraries make. No signature is "info", but with --insecure any word is
// one, so such a path counts as one only where it is wrong.
var errNoInfo = fmt.Errorf("%w: there is no info endpoint in pictor yet; paths that begin with /info/ are imgproxy Pro's",
	signedurl.ErrMalformed)

// errNotAllowed: a URL sets limits, which it may not.
var errNotAllowed = errors.New("option not allowed")

// errNoWatermark: a URL asks for one, and none is configured.
var errNoWatermark = fmt.Errorf("%w: option wm: this server has no watermark (--watermark)", signedurl.ErrBadArgument)

// serveImage answers a request for a picture: verify, parse, look up or fill,
// write.
func (s *Server) serveImage(c echo.Context) error {
	r := c.Request()
	req, err := s.readRequest(r.RequestURI)
	if err != nil {
		return err
	}
	if s.negotiateFormat(&req, r.Header["Accept"]) {
		c.Response().Header()["Vary"] = []string{"Accept"}
	}
	a := s.newCacheRequest(req)
	// Before anything else: a fill that the request joined could be waiting for it.
	if a.hops, err = s.cfg.Origin.Hops(r.Header); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	entry, outcome, t, err := s.getAndAdmit(ctx, a)
	if err != nil {
		return err
	}
	defer entry.Close()
	defer s.memory.Responses.Release(t)
	return s.respond(c, req, t, entry, outcome)
}

// readRequest turns a request target into what is asked. Nothing of it is looked
// at before the signature holds.
func (s *Server) readRequest(target string) (signedurl.Request, error) {
	req, err := s.parseVerified(target)
	if err != nil {
		return signedurl.Request{}, err
	}
	if req.Expired(s.now()) {
		return signedurl.Request{}, errExpired
	}
	if err := s.checkPermissions(req); err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}

// parseVerified reads a target in the dialect whose path it has.
func (s *Server) parseVerified(target string) (signedurl.Request, error) {
	if path, ok := s.thumborPath(target); ok {
		verified, err := s.cfg.Thumbor.Verify(path)
		switch {
		case err == nil:
			return s.cfg.Thumbor.Parse(verified)
		case s.cfg.ThumborPath != "/":
			return signedurl.Request{}, err
		}
		// At the root the path may be of the native dialect.
	}
	own := signedurl.WithoutPrefix(target, s.cfg.PathPrefix)
	req, err := s.parseNative(own)
	if err != nil && strings.HasPrefix(signedurl.PathOf(own), "/info/") {
		return signedurl.Request{}, errNoInfo
	}
	return req, err
}

// thumborPath is the path of a target behind that of thumbor's dialect.
func (s *Server) thumborPath(target string) (string, bool) {
	if s.cfg.Thumbor == nil {
		return "", false
	}
	prefix := strings.TrimSuffix(s.cfg.ThumborPath, "/")
	path := signedurl.WithoutPrefix(signedurl.PathOf(target), prefix)
	return path, path != ""
}

func (s *Server) parseNative(target string) (signedurl.Request, error) {
	verified, err := s.cfg.Keyring.Verify(target)
	if err != nil {
		return signedurl.Request{}, err
	}
	return s.cfg.Dialect.Parse(verified)
}

// checkPermissions refuses what a URL may not say here.
func (s *Server) checkPermissions(req signedurl.Request) error {
	if req.NeedsPermission() && !s.cfg.AllowSecurityOptions {
		return fmt.Errorf("%w: this server does not let URLs set limits (--allow-security-options)", errNotAllowed)
	}
	if req.Params.Watermark.On() && s.cfg.Watermark == nil {
		return errNoWatermark
	}
	return nil
}

// cacheRequest is a request and what its parts are known by to the caches.
type cacheRequest struct {
	req signedurl.Request
	// identity is the source, in the one spelling that all of its URLs have in
	// common, and key the result.
	identity string
	key      cache.Key
	// hasIgnoredParams says that the source's URL has parameters that identity leaves out.
	hasIgnoredParams bool
	// hops is the way that the request has come.
	hops origin.Hops
}

// purgeScope is what a purge may name a request's result by, before it is known what
// tags its origin gives it.
func (a cacheRequest) purgeScope() purge.Scope {
	return purge.Scope{URL: cache.PurgeName(a.key), Source: a.identity, Hosts: cache.Hosts(a.identity), Tags: a.req.TagList()}
}

// newCacheRequest says what a request is known by.
func (s *Server) newCacheRequest(req signedurl.Request) cacheRequest {
	a := cacheRequest{req: req}
	a.identity, a.hasIgnoredParams = s.sourceIdentity(req.Source)
	known := req
	known.Source = a.identity
	key := known.Canonical()
	if req.Params.Watermark.On() {
		key = s.cfg.Watermark.Version + "/" + key // another file makes another picture
	}
	a.key = cache.Key(key)
	return a
}

// sourceIdentity is a source's URL in one spelling, without those parameters that say
// nothing about which picture it is; own says that there are some.
func (s *Server) sourceIdentity(source string) (id string, own bool) {
	id = s.cfg.Origin.Identity(source)
	path, query, asks := strings.Cut(id, "?")
	if !asks || len(s.cfg.SourceKeyIgnore) == 0 || strings.HasPrefix(id, "local:") {
		return id, false
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if s.isIgnoredParam(name, true) {
			own = true
		} else {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return path, own
	}
	return path + "?" + strings.Join(kept, "&"), own
}

// isIgnoredParam says whether a parameter is one of SourceKeyIgnore, or whether all are
// that begin so, where it is not the whole name.
func (s *Server) isIgnoredParam(name string, whole bool) bool {
	for _, pattern := range s.cfg.SourceKeyIgnore {
		prefix, open := strings.CutSuffix(pattern, "*")
		if whole && strings.EqualFold(name, pattern) || open && len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// getAndAdmit gets an entry and room to send it: the caller ends the transfer, then
// closes the entry. Where that is purged while room is waited for, it is got again.
func (s *Server) getAndAdmit(ctx context.Context, a cacheRequest) (e *cache.Entry, o cache.Outcome, t *memory.Transfer, err error) {
	wait := budget.NewQueueWait(s.cfg.QueueWait)
	defer s.memory.Responses.RegisterRequest(a.key)()
	for {
		e, o, err = s.cfg.Cache.Get(ctx, a.key, func(ctx context.Context, commit func() error, old *cache.Entry) (*cache.Entry, error) {
			return s.fill(ctx, commit, old, a)
		})
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
