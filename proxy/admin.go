package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

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

// adminHandler answers a request, or says what is wrong with it: an adminError.
type adminHandler func(http.ResponseWriter, *http.Request) error

// adminError is an error of the admin port: how it looks from outside, and the
// cause, if there is one, for the log.
type adminError struct {
	failure
	cause error
}

func (e *adminError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return e.text
}

// Unwrap is the cause.
func (e *adminError) Unwrap() error { return e.cause }

// refuse is an adminError without a cause.
func refuse(status int, code, text string) error {
	return &adminError{failure: failure{status: status, code: code, text: text}}
}

// What the methods of a route are.
const readMethods, writeMethods = "GET, HEAD", "POST"

// Admin is what operators see: GET /metrics in Prometheus' text format, GET
// /debug/memory and POST /purge. Where token is not empty all paths ask for it
// (Authorization: Bearer, RFC 6750 §2.1), /metrics for Config.MetricsToken or it;
// where there is none, they answer to names of this machine alone.
func (s *Server) Admin(token string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, s.answers, s.sent,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := limitConcurrency(2, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	routes := map[string]adminRoute{
		"/":             {readMethods, s.requireToken(serveAdminIndex, token)},
		"/metrics":      {readMethods, s.requireToken(metrics, token, s.cfg.MetricsToken)},
		"/debug/memory": {readMethods, s.requireToken(s.serveMemory, token)},
		"/purge":        {writeMethods, s.requireToken(s.purge, token)},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRequestID(w, r)
		if err := dispatchAdmin(routes, w, r); err != nil {
			s.writeAdminError(w, r, err)
		}
	})
}

func dispatchAdmin(routes map[string]adminRoute, w http.ResponseWriter, r *http.Request) error {
	to, ok := routes[r.URL.Path]
	switch {
	case !ok:
		return refuse(http.StatusNotFound, "not-found", "The admin port has /metrics, /debug/memory and /purge.")
	case strings.Contains(", "+to.methods+",", ", "+r.Method+","):
		return to.handler(w, r)
	}
	w.Header().Set("Allow", to.methods)
	text := "Use " + strings.ReplaceAll(to.methods, ", ", " or ") + " for this path."
	return refuse(http.StatusMethodNotAllowed, methodNotAllowed, text)
}

// writeAdminError answers with an error in the same form as the image port.
func (s *Server) writeAdminError(w http.ResponseWriter, r *http.Request, err error) {
	f := internal
	var e *adminError
	if errors.As(err, &e) {
		f = e.failure
	}
	s.writeFailure(w, r, f, err)
}

func serveAdminIndex(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(w, "pictor admin\n/metrics\n/debug/memory\nPOST /purge\n") // the client may have left
	return nil
}

// atMost lets so many requests in at once: a scrape costs the kernel a walk over
// the memory of all processes.
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

// showMemory is a table for people, who come with a browser or ask for it by
// ?format=table, and JSON for all others.
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
		_ = enc.Encode(s.Memory()) // fails where the client has left
	case "table":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = s.Memory().WriteTable(w)
	default:
		return refuse(http.StatusBadRequest, "bad-argument", "The format must be json or table.")
	}
	return nil
}
