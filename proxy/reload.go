package proxy

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/sources"
)

// Reload puts other rules and settings in force, all of them or none. Each request that is read from then on is
// judged by them, also where its image is cached; requests that were read before go on to their end. The caller
// closes nothing of those before: requests under way may use it.
func (s *Server) Reload(r Rules, set RuntimeConfig) error {
	for {
		before := s.cfg.inForce.Load()
		next, err := newRules(r, set, before, s.now())
		if err != nil {
			return err
		}
		// First the sources: a target that is read by the new rules must not be fetched by old ones.
		next.Origin.Succeed(before.Origin)
		if s.cfg.inForce.CompareAndSwap(before, next) {
			s.targets.forgetAll()
			s.sources.Reload(next.sourceSettings())
			s.cfg.Cache.SetFillTimeout(next.RequestTimeout)
			s.memory.SetQueueWait(next.QueueWait)
			return nil
		}
	}
}

// sourceSettings are those of the store of sources.
func (set *RuntimeConfig) sourceSettings() sources.Settings {
	return sources.Settings{Origin: set.Origin, TTL: set.TTL, Timeout: set.RequestTimeout, QueueWait: set.QueueWait}
}

// Origin is the fetcher in force.
func (s *Server) Origin() *origin.Fetcher { return s.cfg.inForce.Load().Origin }

// RequestTimeout is the longest that a client waits, by the settings in force.
func (s *Server) RequestTimeout() time.Duration { return s.cfg.inForce.Load().RequestTimeout }
