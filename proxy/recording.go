package proxy

import (
	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// recorded makes a handler of one that fills in the record of its request, and counts the request when it has
// ended, also by a panic. Errors are answered here, so that their status counts.
func (s *Server) recorded(route string, serve func(echo.Context, *responseRecord) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		rec := recordOf(c.Response())
		rec.route = route
		defer func() { s.figures.count(rec, c.Response()) }()
		if err := serve(c, rec); err != nil {
			rec.failed(err)
			s.writeError(err, c)
		}
		return nil
	}
}

// recordedPlain is recorded for a handler of a path that is none of an image.
func (s *Server) recordedPlain(route string, serve echo.HandlerFunc) echo.HandlerFunc {
	return s.recorded(route, func(c echo.Context, _ *responseRecord) error { return serve(c) })
}

// dialectOf is the dialect of a target by its path alone: one that cannot be read has it, too.
func (s *Server) dialectOf(target string) string {
	if m, _ := s.mountOf(target); m != nil {
		return m.Name
	}
	if _, ok := s.cfg.inForce.Load().thumborPath(target); ok && s.cfg.inForce.Load().ThumborPath != "/" {
		return dialectThumbor
	}
	if _, ok := signedurl.CutInfo(signedurl.WithoutPrefix(target, s.cfg.inForce.Load().PathPrefix)); ok {
		return dialectInfo
	}
	return dialectNative
}
