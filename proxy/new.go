package proxy

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Origin == nil || cfg.Cache == nil || cfg.Clock == nil || cfg.Transformer == nil {
		return nil, errors.New("proxy: a part is missing from the configuration")
	}
	s := &Server{cfg: cfg, log: cfg.Log, now: cfg.Now, echo: echo.New()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	first, err := newRules(cfg.Rules, cfg.RuntimeConfig, nil, s.now())
	if err != nil {
		return nil, err
	}
	s.cfg.inForce = &atomic.Pointer[rulesInForce]{}
	s.cfg.inForce.Store(first)
	// A use of the first ones instead of those in force would show at once.
	s.cfg.Rules, s.cfg.RuntimeConfig = Rules{}, RuntimeConfig{}
	s.errorLines, s.figures = newLogSampler(s.now), newRequestFigures(cfg.Origin.Origins())
	s.quarantine = newQuarantine(s.now, cfg.Clock)
	if cfg.Leases != nil {
		s.quarantine.shareWith(cfg.Leases.Leases)
	}
	s.batches = newBatches(s)
	if s.memory, err = s.newGovernor(); err != nil {
		return nil, err
	}
	if s.authLimiter, err = newAttempts(s.now); err != nil {
		return nil, err
	}
	if s.sources, err = s.newSourceStore(); err != nil {
		return nil, err
	}
	s.warmer = newWarmer(s.memory.CanSpare, s.memory.BackgroundJobs, s.draining.Load)
	if s.deferrals, err = newDeferrals(s.deferringServer()); err != nil {
		return nil, err
	}
	cfg.Cache.Watch(s.memory.Responses)
	s.watchOrigins()
	if w, ok := cfg.Transformer.(interface {
		Watch(func(transform.JobMemory))
	}); ok {
		w.Watch(s.figures.budgets.observeMemory)
	}
	s.reserveBucketWrites()
	s.admitBucketReads()
	s.registerRoutes()
	return s, nil
}

// newGovernor makes the owner of the memory limit.
func (s *Server) newGovernor() (*memory.Governor, error) {
	workers, _ := s.cfg.Transformer.(memory.Workers) // nil where it works in this process
	return memory.New(memory.Config{
		Plan: s.cfg.Plan, QueueWait: s.cfg.inForce.Load().QueueWait, Workers: workers,
		Cache: cacheMemory{s.cfg.Cache, &s.targets},
		Waited: func(name string, d time.Duration) {
			s.figures.budgets.waits.WithLabelValues(name).Observe(d.Seconds())
		},
		LongestWork: func() time.Duration {
			set := s.cfg.inForce.Load()
			return set.RequestTimeout + set.QueueWait
		},
		FetchesWaiting: func() int { return s.sources.FetchStats().Waiting },
		RefusalID:      s.refusalID, OnIdle: s.cfg.OnIdle, Log: s.log,
	})
}

// newSourceStore makes the store of sources.
func (s *Server) newSourceStore() (*sources.Store, error) {
	return sources.New(sources.Config{
		Disk: s.cfg.Sources, Bucket: s.cfg.SourceBucket, Clock: s.cfg.Clock,
		Settings: s.cfg.inForce.Load().sourceSettings(),
		Fetches:  s.memory.Budgets.Fetches, Bytes: s.memory.Budgets.Sources,
		NegativeTTL: negativeTTL, TooLarge: s.memory.SourceTooLarge, Now: s.now,
	})
}
