package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin is what operators see: GET /metrics in Prometheus' text format, for
// anyone who can reach it, GET /debug/memory and POST /purge. Where token is not
// empty all but /metrics ask for it (Authorization: Bearer, RFC 6750 §2.1);
// where it is, they answer to names of this machine alone.
func (s *Server) Admin(token string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, s.answers, s.sent, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2}))
	mux.Handle("GET /debug/memory", withToken(token, http.HandlerFunc(s.showMemory)))
	mux.Handle("POST /purge", withToken(token, http.HandlerFunc(s.purge)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "pictor admin\n/metrics\n/debug/memory\nPOST /purge\n")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRequestID(w, r)
		mux.ServeHTTP(w, r)
	})
}

// withToken compares digests, whose length tells nothing about the token's.
func withToken(token string, next http.Handler) http.Handler {
	if token == "" {
		return fromHere(next)
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(given)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			noStore(w.Header())
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized: Send the admin token as `Authorization: Bearer TOKEN`.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// showMemory is a table for people, who come with a browser or ask for it by
// ?format=table, and JSON for all others.
func (s *Server) showMemory(w http.ResponseWriter, r *http.Request) {
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
		http.Error(w, "bad-argument: format is json or table.", http.StatusBadRequest)
	}
}
