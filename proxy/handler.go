package proxy

import (
	"context"
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// errExpired: the URL was good until a time that has passed.
var errExpired = errors.New("expired")

// picture answers a request for a picture: verify, parse, look up or fill,
// write.
func (s *Server) picture(c echo.Context) error {
	r := c.Request()
	req, err := s.request(r.RequestURI)
	if err != nil {
		return err
	}
	if s.negotiate(&req, r.Header["Accept"]) {
		c.Response().Header()["Vary"] = []string{"Accept"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	key := cache.Key(req.Canonical())
	entry, outcome, err := s.cfg.Cache.Get(ctx, key, func(ctx context.Context, commit func() error) (*cache.Entry, error) {
		return s.fill(ctx, commit, key, req)
	})
	if err != nil {
		return err
	}
	end, err := s.sending.begin(ctx, &patience{left: s.cfg.QueueWait}, entry)
	if err != nil {
		return err
	}
	defer end()
	return s.write(c, req, entry, outcome)
}

// request turns a request target into what is asked. Nothing of it is looked
// at before the signature holds.
func (s *Server) request(target string) (signedurl.Request, error) {
	req, err := s.read(target)
	if err != nil {
		return signedurl.Request{}, err
	}
	if req.Expired(s.now()) {
		return signedurl.Request{}, errExpired
	}
	if err := s.permit(req); err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}

// read reads a target in the dialect whose path it has.
func (s *Server) read(target string) (signedurl.Request, error) {
	if path, ok := s.ofThumbor(target); ok {
		rest, err := s.cfg.Thumbor.Verify(path)
		switch {
		case err == nil:
			return s.cfg.Thumbor.Parse(rest)
		case s.cfg.ThumborPath != "/":
			return signedurl.Request{}, err
		}
		// At the root the path may be of the native dialect.
	}
	path, err := s.cfg.Keyring.Verify(signedurl.WithoutPrefix(target, s.cfg.PathPrefix))
	if err != nil {
		return signedurl.Request{}, err
	}
	return s.cfg.Dialect.Parse(path)
}

// ofThumbor is the path of a target behind that of thumbor's dialect.
func (s *Server) ofThumbor(target string) (string, bool) {
	if s.cfg.Thumbor == nil {
		return "", false
	}
	prefix := strings.TrimSuffix(s.cfg.ThumborPath, "/")
	path := signedurl.WithoutPrefix(signedurl.PathOf(target), prefix)
	return path, path != ""
}
