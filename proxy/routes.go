package proxy

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor > 1 {
		release, ok := s.memory.Connections.AdmitStream(r)
		if !ok {
			s.memory.Connections.RefuseStream(w)
			return
		}
		defer release()
	}
	timing, trace := s.wantsServerTiming(r), s.beginTrace(r)
	if !timing && !trace.IsSampled() && s.serveHit(w, r) {
		return
	}
	setRequestID(w, r)
	if r.ContentLength != 0 && r.ProtoMajor == 1 { // else the stream is reset with the response
		defer boundUnreadBody(w)()
	}
	rec := newResponseRecord(w)
	rec.hasTiming = timing
	rec.traceAs(trace)
	defer s.finishTrace(rec, r)
	defer s.logAccess(rec, r)
	s.echo.ServeHTTP(rec, r)
}

// registerRoutes registers GET and HEAD together, because a route for GET alone would
// answer HEAD with 405. One wildcard takes all images, and there is no middleware.
func (s *Server) registerRoutes() {
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) { // of echo itself, such as for a wrong method
		_ = s.recordedPlain(routeOther, func(echo.Context) error { return err })(c)
	}
	s.echo.Logger.SetOutput(discardLog{})
	both := []string{http.MethodGet, http.MethodHead}
	image, live := s.recorded(routeImage, s.serveImage), s.recordedPlain(routeHealth, s.serveLive)
	s.echo.Match(both, "/", s.recordedPlain(routeHome, s.serveHome))
	s.echo.Match(both, "/favicon.ico", s.favicon(image))
	s.echo.Match(both, "/robots.txt", s.recordedPlain(routeHome, s.serveRobots))
	s.echo.Match(both, "/health", live)
	s.echo.Match(both, "/health/live", live)
	s.echo.Match(both, "/health/ready", s.recordedPlain(routeHealth, s.serveReady))
	s.routeStudio()
	s.echo.Match(both, "/*", image)
	s.allowUploads()
}

// discardLog drops Echo's own log: all lines of pictor go to slog.
type discardLog struct{}

func (discardLog) Write(p []byte) (int, error) { return len(p), nil }

func (s *Server) serveHome(c echo.Context) error {
	if s.cfg.Studio != nil {
		return s.serveStudio(c)
	}
	return c.String(http.StatusOK, "pictor\n")
}

// favicon serves the icon of the home page. Without such a page the path is one of an image.
func (s *Server) favicon(image echo.HandlerFunc) echo.HandlerFunc {
	if s.cfg.Studio != nil {
		return s.recordedPlain(routeHome, s.serveHome)
	}
	return image
}

func (s *Server) serveRobots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nAllow: /\n")
}

func (s *Server) serveLive(c echo.Context) error {
	return answerCheck(liveness)(c.Response(), c.Request())
}

// liveness is that of a process that answers at all.
func liveness() (status int, text string) { return http.StatusOK, "ok" }

func (s *Server) serveReady(c echo.Context) error {
	return answerCheck(s.readiness)(c.Response(), c.Request())
}

// readiness is the status of the check of readiness, and its text.
func (s *Server) readiness() (status int, text string) {
	if s.draining.Load() {
		return http.StatusServiceUnavailable, "shutting down"
	}
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(); err != nil {
			return http.StatusServiceUnavailable, err.Error()
		}
	}
	if err := s.memory.Stuck.Err(); err != nil {
		return http.StatusServiceUnavailable, err.Error()
	}
	trouble, unready := s.clusterTrouble()
	switch {
	case unready:
		return http.StatusServiceUnavailable, trouble
	case trouble != "": // also so on all the other servers, of which one must serve
		return http.StatusOK, "ok, but " + trouble
	}
	return http.StatusOK, "ok"
}
