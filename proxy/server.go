package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
)

// Server answers HTTP requests. It is an http.Handler.
type Server struct {
	cfg    Config
	memory *memory.Governor
	log    *slog.Logger
	// errorLines bounds the log lines of errors.
	errorLines  *logSampler
	now         func() time.Time
	echo        *echo.Echo
	answers     *prometheus.CounterVec
	sentBytes   *prometheus.CounterVec
	quarantine  *quarantine
	authLimiter *attempts
	sources     *sources.Store
	draining    atomic.Bool
}

// Resize puts another memory plan in force. What was admitted by the old one goes
// on to its end, so it takes a while until the new one holds.
func (s *Server) Resize(p memory.Plan) error {
	if err := s.memory.Resize(p); err != nil {
		return err
	}
	s.sources.FetchesResized()
	return nil
}

// Watch looks at the memory that is really in use until ctx ends: see
// memory.Governor.
func (s *Server) Watch(ctx context.Context) { s.memory.Watch(ctx) }

// Memory looks where the memory is. It costs the kernel a walk over all pages
// of all processes, some milliseconds.
func (s *Server) Memory() memory.Report { return s.memory.Report(s.sources.FetchStats().Waiting) }

// LimitListener makes an http.Server admit no more clients than the memory plan allows.
func (s *Server) LimitListener(h *http.Server, l net.Listener) net.Listener {
	return s.memory.Connections.LimitListener(h, l)
}

// Close is Shutdown with as much time as a request may take.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.RequestTimeout)
	defer cancel()
	_ = s.Shutdown(ctx) // what is left is given up on
}

// Shutdown waits for what is still done about sources, until ctx ends. It comes
// after the Cache's, whose fills want them. The error says what is left.
func (s *Server) Shutdown(ctx context.Context) error { return s.sources.Close(ctx) }

// Drain makes the server say on connections that are still open that it is
// not ready any more.
func (s *Server) Drain() { s.draining.Store(true) }
