package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminRoute is a path of the admin port.
type adminRoute struct {
	// methods is the Allow header of a 405.
	methods string
	handler adminHandler
}

// The methods of routes.
const readMethods, writeMethods, bothMethods = "GET, HEAD", "POST", "GET, HEAD, POST"

// Admin returns the handler of the admin port: GET /metrics in the text format of Prometheus,
// GET /debug/memory, POST /purge, POST /warm, POST /reload, and GET and POST /sources, and with a token the
// studio below /studio/. Where token
// is not empty all paths need it (Authorization: Bearer, RFC 6750 §2.1); for /metrics
// Config.MetricsToken will do as well. Paths without a token answer only requests to a loopback address or localhost.
func (s *Server) Admin(token string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.figures.collectors()...)
	registry.MustRegister(collector{s}, s.warmer.results, s.deferrals.results, s.deferrals.gauge(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := limitConcurrency(2, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	routes := map[string]adminRoute{
		"/":             {readMethods, s.requireToken(serveAdminIndex, token)},
		"/metrics":      {readMethods, s.requireToken(metrics, token, s.cfg.MetricsToken)},
		"/debug/memory": {readMethods, s.requireToken(s.serveMemory, token)},
		"/purge":        {writeMethods, s.requireToken(s.servePurge, token)},
		"/warm":         {writeMethods, s.requireToken(s.serveWarm, token)},
		"/sources":      {bothMethods, s.requireToken(newRegistry(s).serveSources, token)},
		"/reload":       {writeMethods, s.requireToken(s.serveReload, token)},
	}
	for path, check := range map[string]func() (int, string){"/health": liveness, "/health/live": liveness,
		"/health/ready": s.readiness} {
		routes[path] = adminRoute{readMethods, answerCheck(check)} // those who probe have no token
	}
	studio := s.adminStudio(token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRequestID(w, r)
		if strings.HasPrefix(r.URL.Path, studioPath) {
			if err := studio(w, r); err != nil {
				s.writeAdminError(w, r, err)
			}
			return
		}
		if err := dispatchAdmin(routes, w, r); err != nil {
			s.writeAdminError(w, r, err)
		}
	})
}

// dispatchAdmin calls the handler of a path.
func dispatchAdmin(routes map[string]adminRoute, w http.ResponseWriter, r *http.Request) error {
	to, ok := routes[r.URL.Path]
	switch {
	case !ok:
		return refuse(http.StatusNotFound, "not-found",
			"The admin port has /health, /metrics, /debug/memory, /purge, /warm, /sources, /reload and, with a token, "+
				"/studio/.")
	case strings.Contains(", "+to.methods+",", ", "+r.Method+","):
		return to.handler(w, r)
	}
	w.Header().Set("Allow", to.methods)
	text := "Use " + strings.ReplaceAll(to.methods, ", ", " or ") + " for this path."
	return refuse(http.StatusMethodNotAllowed, codeMethodNotAllowed, text)
}

// writeAdminError sends an error in the same form as the image port.
func (s *Server) writeAdminError(w http.ResponseWriter, r *http.Request, err error) {
	f := internalFailure
	var e *adminError
	if errors.As(err, &e) {
		f = e.failure
	}
	s.writeFailure(w, r, f, err)
}

// answerCheck answers a health check, at either port.
func answerCheck(check func() (status int, text string)) adminHandler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		status, text := check()
		noStore(w.Header())
		w.Header().Set("Content-Type", echo.MIMETextPlainCharsetUTF8)
		w.WriteHeader(status)
		_, _ = fmt.Fprintln(w, text) // the client may have left
		return nil
	}
}

// serveAdminIndex lists the paths of the admin port.
func serveAdminIndex(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// The client may have left.
	_, _ = fmt.Fprint(w, "pictor admin\n/metrics\n/debug/memory\nPOST /purge\nPOST /warm\nPOST /reload\n"+
		"/sources\n/studio/\n/health/live\n/health/ready\n")
	return nil
}

// limitConcurrency lets n requests in at a time: for a scrape the kernel walks over the memory
// of all processes.
func limitConcurrency(n int, next http.Handler) adminHandler {
	running := make(chan struct{}, n)
	return func(w http.ResponseWriter, r *http.Request) error {
		select {
		case running <- struct{}{}:
			defer func() { <-running }()
		default:
			text := fmt.Sprintf("%d requests for this path are already running. Try again shortly.", n)
			return refuse(http.StatusServiceUnavailable, "shed", text)
		}
		next.ServeHTTP(w, r)
		return nil
	}
}

// serveMemory sends the memory report: a table for browsers and for ?format=table, else JSON.
func (s *Server) serveMemory(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	format := r.URL.Query().Get("format")
	if format == "" && strings.Contains(r.Header.Get("Accept"), "text/") {
		format = "table"
	}
	switch format {
	case "", "json":
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(s.Memory()) // an error says that the client has left
	case "table":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = s.Memory().WriteTable(w)
	default:
		return refuse(http.StatusBadRequest, "bad-argument", "The format must be json or table.")
	}
	return nil
}

// serveReload answers POST /reload. A body does not matter.
func (s *Server) serveReload(w http.ResponseWriter, _ *http.Request) error {
	noStore(w.Header())
	if s.cfg.ReloadSettings == nil {
		return refuse(http.StatusNotFound, "not-found", "This server cannot read its settings again.")
	}
	answer, err := s.cfg.ReloadSettings()
	if err != nil {
		return &adminError{failure{status: http.StatusUnprocessableEntity, code: "bad-settings",
			text: "The settings in force stay: " + err.Error()}, err}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // fails where the client has left
	return nil
}
