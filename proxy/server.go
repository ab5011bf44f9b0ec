package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
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

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Keyring == nil || cfg.Origin == nil || cfg.Cache == nil || cfg.Clock == nil || cfg.Transformer == nil {
		return nil, errors.New("proxy: a part is missing from the configuration")
	}
	if cfg.Dialect == nil {
		cfg.Dialect = &signedurl.Dialect{}
	}
	if cfg.RequestTimeout <= 0 {
		cfg.RequestTimeout = 30 * time.Second
	}
	if cfg.QueueWait <= 0 {
		cfg.QueueWait = 20 * time.Second
	}
	if cfg.BrowserTTL <= 0 {
		cfg.BrowserTTL = 5 * time.Minute
	}
	s := &Server{cfg: cfg, log: cfg.Log, now: cfg.Now, echo: echo.New()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.errorLines = newLogSampler(s.now)
	s.quarantine = newQuarantine(s.now, cfg.Clock)
	var err error
	if s.memory, err = s.newGovernor(); err != nil {
		return nil, err
	}
	if s.authLimiter, err = newAttempts(s.now); err != nil {
		return nil, err
	}
	if s.sources, err = s.newSourceStore(); err != nil {
		return nil, err
	}
	s.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pictor_answers_total",
		Help: "Responses to image requests, by result: ok, not-modified, bad-range, or an error code.",
	}, []string{"code"})
	s.sentBytes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pictor_sent_bytes_total",
		Help: "Size of the image bytes sent to clients, in bytes, by cache outcome and tier.",
	}, []string{"outcome", "tier"})
	cfg.Cache.Watch(s.memory.Responses)
	s.registerRoutes()
	return s, nil
}

// newGovernor makes the owner of the memory limit.
func (s *Server) newGovernor() (*memory.Governor, error) {
	workers, _ := s.cfg.Transformer.(memory.Workers) // nil where it works in this process
	return memory.New(memory.Config{
		Plan: s.cfg.Plan, QueueWait: s.cfg.QueueWait, Cache: s.cfg.Cache, Workers: workers,
		RefusalID: s.refusalID, OnIdle: s.cfg.OnIdle, Log: s.log,
	})
}

// newSourceStore makes the store of sources.
func (s *Server) newSourceStore() (*sources.Store, error) {
	return sources.New(sources.Config{
		Origin: s.cfg.Origin, Disk: s.cfg.Sources, Clock: s.cfg.Clock,
		Fetches: s.memory.Budgets.Fetches, Bytes: s.memory.Budgets.Sources,
		TTL: s.cfg.TTL, Timeout: s.cfg.RequestTimeout, QueueWait: s.cfg.QueueWait,
		NegativeTTL: negativeTTL, TooLarge: s.memory.SourceTooLarge, Now: s.now,
	})
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
