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

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// Config configures a Server. The parts are the caller's to make and to close.
type Config struct {
	Keyring *signedurl.Keyring
	// Dialect is how paths are read; nil for the grammar as it is.
	Dialect *signedurl.Dialect
	// PathPrefix stands before the signature in each path, "/images"; "" for none.
	PathPrefix string
	// Thumbor reads paths below ThumborPath, "/thumbor/" or "/"; nil for no
	// such dialect. At "/" the native dialect reads what Thumbor does not verify.
	Thumbor     *thumbor.Dialect
	ThumborPath string
	Origin      *origin.Fetcher
	Cache       *cache.Cache
	// Clock is the Cache's.
	Clock *purge.Clock
	// Disk is the store of the Cache's disk tier, for its figures; nil for none.
	Disk *diskstore.Store
	// Sources keeps the bytes of sources, and is closed by the Server; nil for
	// keeping none.
	Sources *diskstore.Store
	// SourceKeyIgnore are parameters of a source's query that do not make it
	// another one, such as those of a presigned URL; with a star at their end
	// all that begin so.
	SourceKeyIgnore []string
	Transformer     transform.Transformer
	// Plan is how the memory limit is split at first; see Resize.
	Plan memory.Plan
	// QueueWait is the longest that a request stands in lines; 0 means 20 s.
	QueueWait time.Duration
	Limits    transform.Limits
	// AutoFormats are chosen by what a client accepts, the favourite first,
	// where a URL names no format; empty where only URLs that say so (f:auto)
	// are negotiated, and then AVIF before WebP.
	AutoFormats []transform.Format
	// AllowSecurityOptions lets URLs set limits of their own.
	AllowSecurityOptions bool
	// Watermark is what URLs may have laid over their pictures; nil for none.
	Watermark *Watermark
	TTL       sources.TTL
	// CDN is what stands before the server; zero for nothing that is known.
	CDN CDN
	// BrowserTTL is how long browsers may keep what a CDN can be purged of; 0
	// means 5 minutes.
	BrowserTTL time.Duration
	// RequestTimeout is the longest that a client waits; 0 means 30 s.
	RequestTimeout time.Duration
	// Ready tells what keeps the server from serving; nil means nothing ever does.
	Ready func() error
	// Home answers GET / and GET /favicon.ico; nil means a quiet 200 and a 404.
	Home http.Handler
	// MetricsToken is good for the admin port's /metrics, and for nothing else; ""
	// for none.
	MetricsToken string
	// FullErrors shows causes to the client (--dev).
	FullErrors bool
	// OnIdle, unless nil, is called when work has ended for a while, beside
	// giving back the heap.
	OnIdle func()
	// Log gets errors and, at debug level, requests; nil means none of it.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server answers HTTP requests. It is an http.Handler.
type Server struct {
	cfg    Config
	memory *memory.Governor
	log    *slog.Logger
	// errorLines bounds the log lines of errors.
	errorLines *logSampler
	now        func() time.Time
	echo       *echo.Echo
	answers    *prometheus.CounterVec
	sent       *prometheus.CounterVec
	poison     *poison
	attempts   *attempts
	sources    *sources.Store
	draining   atomic.Bool
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
	s.poison = newPoison(s.now, cfg.Clock)
	var err error
	if s.memory, err = s.newGovernor(); err != nil {
		return nil, err
	}
	if s.attempts, err = newAttempts(s.now); err != nil {
		return nil, err
	}
	if s.sources, err = s.newSourceStore(); err != nil {
		return nil, err
	}
	s.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pictor_answers_total",
		Help: "Responses to image requests, by result: ok, not-modified, bad-range, or an error code.",
	}, []string{"code"})
	s.sent = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pictor_sent_bytes_total",
		Help: "Size of the image bytes sent to clients, in bytes, by cache outcome and tier.",
	}, []string{"outcome", "tier"})
	cfg.Cache.Watch(s.memory.Responses)
	s.routes()
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

// routes registers GET and HEAD together: a route for GET alone would answer
// HEAD with 405. One wildcard takes all pictures, and no middleware stands
// before it.
func (s *Server) routes() {
	s.echo.HTTPErrorHandler = s.writeError
	s.echo.Logger.SetOutput(discard{})
	both := []string{http.MethodGet, http.MethodHead}
	s.echo.Match(both, "/", s.home)
	s.echo.Match(both, "/favicon.ico", s.favicon)
	s.echo.Match(both, "/robots.txt", s.robots)
	s.echo.Match(both, "/health", s.live)
	s.echo.Match(both, "/health/live", s.live)
	s.echo.Match(both, "/health/ready", s.ready)
	s.echo.Match(both, "/*", s.picture)
}

// discard swallows Echo's own log: everything worth saying goes to slog.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setRequestID(w, r)
	if r.ContentLength != 0 {
		// net/http reads an announced body before it answers on a connection
		// that is to be kept, and a client may announce one and send none.
		w.Header().Set("Connection", "close")
	}
	s.echo.ServeHTTP(w, r)
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

func (s *Server) home(c echo.Context) error {
	if s.cfg.Home != nil {
		s.cfg.Home.ServeHTTP(c.Response(), c.Request())
		return nil
	}
	return c.String(http.StatusOK, "pictor\n")
}

// favicon is the home page's. Without such a page it is a path as any other.
func (s *Server) favicon(c echo.Context) error {
	if s.cfg.Home != nil {
		return s.home(c)
	}
	return s.picture(c)
}

func (s *Server) robots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nAllow: /\n")
}

func (s *Server) live(c echo.Context) error {
	noStore(c.Response().Header())
	return c.String(http.StatusOK, "ok\n")
}

func (s *Server) ready(c echo.Context) error {
	noStore(c.Response().Header())
	if s.draining.Load() {
		return c.String(http.StatusServiceUnavailable, "shutting down\n")
	}
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(); err != nil {
			return c.String(http.StatusServiceUnavailable, err.Error()+"\n")
		}
	}
	return c.String(http.StatusOK, "ok\n")
}
