package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// addCluster sends the figures of the cluster, if there is one.
func (e emitter) addCluster(g *purge.Cluster) {
	if g == nil {
		return
	}
	st := g.Stats()
	inDoubt := int64(0)
	if st.InDoubt {
		inDoubt = 1
	}
	e.gauge("purge_bus_sequence", "Sequence number of the last message of the purge bus in force.", int64(st.Sequence))
	e.gauge("purge_bus_behind", "Messages of the purge bus that are not yet in force.", int64(st.Behind))
	e.addMetric(prometheus.GaugeValue, "purge_bus_silence_seconds",
		"Time since the purge bus was last heard of, in seconds.", st.Silence.Seconds())
	e.gauge("purge_bus_in_doubt",
		"Whether the purge bus has been silent for longer than --purge-max-lag: 1 or 0.", inDoubt)
	e.counter("purge_bus_applied_total", "Messages of the purge bus that were applied.", st.Applied)
	e.counter("purge_bus_resets_total",
		"Purges of everything because messages of the purge bus were lost or cannot be read.", st.Resets)
	e.counter("purge_bus_failures_total", "Times that the purge bus could not be read.", st.Failures)
}

// addLeases sends the figures of leases, if there are some.
func (e emitter) addLeases(l *FillLeases) {
	if l == nil {
		return
	}
	st := l.Stats()
	for outcome, n := range map[string]uint64{
		"made": st.Held, "handed over": st.HandedOver, "taken": st.Taken, "late": st.Late,
		"waited": st.Waits,
	} {
		e.counter("fill_leases_total", "Fills with a lease, by what came of it: made (this server had the lease), "+
			"handed over (its result went to the others), waited (another server had it), taken (its result was "+
			"taken), late (it took too long).", n, "outcome", outcome)
	}
	e.counter("fill_lease_failures_total", "Calls of Redis for leases of fills that failed.", st.Failures)
}
