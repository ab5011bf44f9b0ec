package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

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
	figures     requestFigures
	targets     knownTargets
	quarantine  *quarantine
	batches     *batches
	authLimiter *attempts
	sources     *sources.Store
	backgroundWork
	draining atomic.Bool
}

// Resize puts another memory plan in force. Work that the old plan has admitted goes on to
// its end, so it takes a while until the new plan holds.
func (s *Server) Resize(p memory.Plan) error {
	if err := s.memory.Resize(p); err != nil {
		return err
	}
	s.sources.FetchesResized()
	return nil
}

// Watch samples the memory in use until ctx ends: see memory.Governor.
func (s *Server) Watch(ctx context.Context) { s.memory.Watch(ctx) }

// Stuck says what keeps requests waiting that will not end by itself; nil for nothing. The server is not ready then.
func (s *Server) Stuck() error { return s.memory.Stuck.Err() }

// Memory reports where the memory is. The kernel walks all pages of all processes for it,
// which takes some milliseconds.
func (s *Server) Memory() memory.Report { return s.memory.Report(s.sources.FetchStats().Waiting) }

// LimitListener makes an http.Server admit no more clients than the memory plan allows.
func (s *Server) LimitListener(h *http.Server, l net.Listener) net.Listener {
	return s.memory.Connections.LimitListener(h, l)
}

// Close is Shutdown with as much time as a request may take.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.inForce.Load().RequestTimeout)
	defer cancel()
	_ = s.Shutdown(ctx) // fetches that are left are abandoned
}

// Shutdown waits until ctx ends for sources that are being written to disk. It comes after
// the Cache is closed, whose fills use sources. The error says how many are left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.deferrals.stop()
	s.deferrals.wait(ctx)
	s.batches.wait(ctx)
	return s.sources.Close(ctx)
}

// Drain makes the health check say that the server is not ready any more, and ends what is made in the background.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.deferrals.stop()
}
