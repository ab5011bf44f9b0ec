package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/cache"
)

// requestFigures count responses. Those of hits are looked up once, not for each hit.
type requestFigures struct {
	answers, sentBytes          *prometheus.CounterVec
	hits, notModified, hitBytes prometheus.Counter
}

func newRequestFigures() requestFigures {
	f := requestFigures{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_answers_total",
			Help: "Responses to image requests, by result: ok, not-modified, bad-range, or an error code.",
		}, []string{"code"}),
		sentBytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_sent_bytes_total",
			Help: "Size of the image bytes sent to clients, in bytes, by cache outcome and tier.",
		}, []string{"outcome", "tier"}),
	}
	f.hits, f.notModified = f.answers.WithLabelValues("ok"), f.answers.WithLabelValues("not-modified")
	f.hitBytes = f.sentBytes.WithLabelValues(cache.Hit.String(), "memory")
	return f
}
