package proxy

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// routeStudio registers the paths of the studio, where there is one.
func (s *Server) routeStudio() {
	if s.cfg.Studio == nil {
		return
	}
	serve := s.recordedPlain(routeHome, s.serveStudio)
	s.echo.Match([]string{http.MethodGet, http.MethodHead, http.MethodPost}, studioPath+"*", serve)
}

// serveStudio answers by the studio. It signs URLs, so a page of another site that has pointed a name of its own at
// this machine must not get to it.
func (s *Server) serveStudio(c echo.Context) error {
	if requireLocalHost(c.Request()) != nil {
		noStore(c.Response().Header())
		return c.String(http.StatusForbidden, "wrong-host: The studio answers to localhost and 127.0.0.1 only.\n")
	}
	s.cfg.Studio.ServeHTTP(c.Response(), c.Request())
	return nil
}

// KeyringInForce is the one of the rules in force.
func (s *Server) KeyringInForce() *signedurl.Keyring { return s.cfg.inForce.Load().Keyring }

// adminStudio is the studio of operators, which reads alone. It is there only where the admin port has a token. A
// browser asks a person for it as a password (RFC 7617), which it then sends to paths of the studio, and to no others.
func (s *Server) adminStudio(token string) adminHandler {
	if s.cfg.AdminStudio == nil || token == "" {
		return func(http.ResponseWriter, *http.Request) error {
			return refuse(http.StatusNotFound, "not-found", "The studio of the admin port needs --admin-token.")
		}
	}
	serve := s.requireToken(func(w http.ResponseWriter, r *http.Request) error {
		s.cfg.AdminStudio.ServeHTTP(w, r)
		return nil
	}, token)
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, password, ok := r.BasicAuth(); ok {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer "+password)
		}
		err := serve(w, r)
		if isUnauthorized(err) {
			w.Header().Add("WWW-Authenticate", `Basic realm="pictor studio", charset="UTF-8"`)
		}
		return err
	}
}
