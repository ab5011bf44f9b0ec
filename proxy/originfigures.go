package proxy

import "github.com/prometheus/client_golang/prometheus"

// originFigures count fetches by the name of the origin.
type originFigures struct {
	fetches, bytes *prometheus.CounterVec
	durations      *prometheus.HistogramVec
}

const originLabel = "origin"

func newOriginFigures(names []string) originFigures {
	f := originFigures{
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_origin_fetches_total",
			Help: "Fetches of source images, by origin (the name in --origins or --accounts, local, or other for all " +
				"other hosts) and result: ok, unchanged, not-found, denied, status, timeout, unreachable, refused, " +
				"suspended, too-large, broken, abandoned (ended by pictor).",
		}, []string{originLabel, "result"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_origin_received_bytes_total",
			Help: "Size of the source images received, in bytes, by origin.",
		}, []string{originLabel}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pictor_origin_fetch_duration_seconds",
			Help: "Time of fetches of source images, redirects and body included and waiting for memory not, in " +
				"seconds, by origin.",
			Buckets: []float64{5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30},
		}, []string{originLabel}),
	}
	for _, name := range names {
		f.bytes.WithLabelValues(name)
		for _, result := range []string{"ok", "timeout", "unreachable", "status"} { // so that rates have a beginning
			f.fetches.WithLabelValues(name, result)
		}
	}
	return f
}
