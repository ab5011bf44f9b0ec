package proxy

import "github.com/pictor-proxy/pictor/proxy/origin"

// watchOrigins counts the fetches of the server's origins.
func (s *Server) watchOrigins() {
	s.cfg.inForce.Load().Origin.Watch(func(r origin.FetchReport) {
		f := s.figures.origins
		f.fetches.WithLabelValues(r.Origin, r.Result).Inc()
		f.bytes.WithLabelValues(r.Origin).Add(float64(r.Bytes))
		f.durations.WithLabelValues(r.Origin).Observe(r.Took.Seconds())
	})
}

// addOrigins sends the figures of circuit breakers and of requests that were made again.
func (e emitter) addOrigins(names []string, by map[string]origin.BreakerStats, again origin.RetryStats) {
	for _, name := range names {
		st := by[name]
		for state, n := range map[string]int{"open": st.Suspended, "half-open": st.Probing, "closed": st.Failing} {
			e.gauge("origin_hosts",
				"Hosts of source images whose last fetch failed, by origin and by the state of the circuit breaker: "+
					"closed (in use), open (suspended), half-open (to be probed).",
				int64(n), originLabel, name, "state", state)
		}
		for state, n := range map[string]uint64{"open": st.Suspensions, "half-open": st.Probes,
			"closed": st.Recoveries} {
			e.counter("origin_breaker_transitions_total",
				"Changes of circuit breakers of hosts of source images, by origin and by the new state.",
				n, originLabel, name, "to", state)
		}
		e.counter("origin_refused_total",
			"Fetches of source images not made because the host was suspended, by origin.",
			st.Refused, originLabel, name)
	}
	for result, n := range map[string]uint64{"recovered": again.Recovered, "failed": again.Made - again.Recovered,
		"over-budget": again.Refused} {
		e.counter("origin_retries_total",
			"Requests for source images whose connection failed before a response, by result of a second request: "+
				"recovered, failed, over-budget (not made, because too many requests to the host were "+
				"second ones).", n, "result", result)
	}
}
