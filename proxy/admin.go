package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
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
const reading, writing = "GET, HEAD", "POST"

// Admin is what operators see: GET /metrics in Prometheus' text format, for
// anyone who can reach it, GET /debug/memory and POST /purge. Where token is not
// empty all but /metrics ask for it (Authorization: Bearer, RFC 6750 §2.1);
// where it is, they answer to names of this machine alone.
func (s *Server) Admin(token string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, s.answers, s.sent,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	routes := map[string]adminRoute{
		"/":             {reading, index},
		"/metrics":      {reading, atMost(2, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))},
		"/debug/memory": {reading, guarded(token, s.showMemory)},
		"/purge":        {writing, guarded(token, s.purge)},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRequestID(w, r)
		if err := route(routes, w, r); err != nil {
			s.writeAdminError(w, r, err)
		}
	})
}

func route(routes map[string]adminRoute, w http.ResponseWriter, r *http.Request) error {
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

func index(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(w, "pictor admin\n/metrics\n/debug/memory\nPOST /purge\n") // the client may have left
	return nil
}

// atMost lets so many requests in at once: a scrape costs the kernel a walk over
// the memory of all processes.
func atMost(n int, next http.Handler) adminHandler {
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

// guarded asks for a token, where there is one. Digests are compared, whose
// length tells nothing about the token's.
func guarded(token string, next adminHandler) adminHandler {
	if token == "" {
		return fromHere(next)
	}
	want := sha256.Sum256([]byte(token))
	return func(w http.ResponseWriter, r *http.Request) error {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(given)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			return refuse(http.StatusUnauthorized, "unauthorized", "Send the admin token as `Authorization: Bearer TOKEN`.")
		}
		return next(w, r)
	}
}

// fromHere lets only those in who name the server by an address of this
// machine: a page that an operator looks at could otherwise have its own name
// lead here, and be taken by the browser for the same site.
func fromHere(next adminHandler) adminHandler {
	return func(w http.ResponseWriter, r *http.Request) error {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if !strings.EqualFold(host, "localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
			return refuse(http.StatusForbidden, "wrong-host",
				"Without a token the admin port answers to localhost and 127.0.0.1 only. "+
					"Set --admin-token to use it by another name.")
		}
		return next(w, r)
	}
}

// showMemory is a table for people, who come with a browser or ask for it by
// ?format=table, and JSON for all others.
func (s *Server) showMemory(w http.ResponseWriter, r *http.Request) error {
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
