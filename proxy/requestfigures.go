package proxy

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/cache"
)

// requestFigures count requests and responses. All labels are of lists that the settings or the code bound:
// nothing that a client sends becomes one.
type requestFigures struct {
	// answers counts by error code, requests by what operators ask first.
	answers, requests, sentBytes *prometheus.CounterVec
	durations, phases            *prometheus.HistogramVec
	// hitTimes is of durations. Those of hits are looked up once, not for each hit.
	hitTimes prometheus.Observer
	hitBytes prometheus.Counter
	// hits has *hitFigures by dialect.
	hits    *sync.Map
	origins originFigures
	budgets budgetFigures
}

// hitFigures count the hits of one dialect.
type hitFigures struct {
	answers, notModified            prometheus.Counter
	requestsOK, requestsNotModified prometheus.Counter
}

// durationBuckets reach from a hit, of some 50 µs, to a request that takes all of --request-timeout, in seconds.
var durationBuckets = []float64{
	50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30,
}

func newRequestFigures(origins []string) requestFigures {
	f := requestFigures{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_answers_total",
			Help: "Responses to image requests, by result: ok, not-modified, bad-range, or an error code.",
		}, []string{"code"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_requests_total",
			Help: "Requests to the image port, by route (image, upload, health, home, other), dialect of the URL " +
				"(none for paths without), status (499 where the client left before the response) and cache " +
				"outcome (none for errors and for paths that no cache has).",
		}, []string{"route", "dialect", "status", "cache"}),
		sentBytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pictor_sent_bytes_total",
			Help: "Size of the image bytes sent to clients, in bytes, by cache outcome and tier.",
		}, []string{"outcome", "tier"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pictor_request_duration_seconds",
			Help: "Time from the arrival of an image request until the last byte of the response was sent, in " +
				"seconds, by cache outcome: hit, stale, miss (also shared ones), upload, error.",
			Buckets: durationBuckets,
		}, []string{"cache"}),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pictor_phase_duration_seconds",
			Help: "Time that image requests spent in a phase, in seconds: verify (signature and parsing), lookup " +
				"(caches), bucket (of results), follow (the miss of another request), queue (budgets), fetch " +
				"(source), transform (decode, change, encode), send. Hits in RAM of known URLs have no phases.",
			Buckets: durationBuckets,
		}, []string{"phase"}),
		hits: &sync.Map{}, origins: newOriginFigures(origins), budgets: newBudgetFigures(),
	}
	f.hitTimes = f.durations.WithLabelValues(classHit)
	f.hitBytes = f.sentBytes.WithLabelValues(cache.Hit.String(), "memory")
	for _, name := range phaseNames {
		f.phases.WithLabelValues(name) // so that rates have a beginning
	}
	for _, class := range []string{classStale, classMiss, classUpload, classError} {
		f.durations.WithLabelValues(class)
	}
	return f
}

// collectors are all of them.
func (f requestFigures) collectors() []prometheus.Collector {
	return []prometheus.Collector{f.answers, f.requests, f.sentBytes, f.durations, f.phases,
		f.origins.fetches, f.origins.bytes, f.origins.durations,
		f.budgets.waits, f.budgets.memory}
}

// hitsOf are the figures of the hits of a dialect.
func (f requestFigures) hitsOf(dialect string) *hitFigures {
	if known, ok := f.hits.Load(dialect); ok {
		return known.(*hitFigures)
	}
	hit := func(status int) prometheus.Counter {
		return f.requests.WithLabelValues(routeImage, dialect, strconv.Itoa(status), cache.Hit.String())
	}
	made, _ := f.hits.LoadOrStore(dialect, &hitFigures{
		answers: f.answers.WithLabelValues("ok"), notModified: f.answers.WithLabelValues("not-modified"),
		requestsOK: hit(200), requestsNotModified: hit(304),
	})
	return made.(*hitFigures)
}

// count counts a request that has ended.
func (f requestFigures) count(rec *responseRecord, w *echo.Response) {
	status := w.Status
	if !w.Committed {
		status = statusClientLeft
	}
	if status >= http.StatusBadRequest && rec.class != classError {
		rec.failed(nil) // such as a range that is none
	}
	f.requests.WithLabelValues(rec.route, rec.dialect, strconv.Itoa(status), rec.cache).Inc()
	if rec.route != routeImage && rec.route != routeUpload {
		return
	}
	var all time.Duration
	for p, took := range rec.phases.read() {
		if took > 0 {
			f.phases.WithLabelValues(phaseNames[p]).Observe(took.Seconds())
		}
		all += took
	}
	f.durations.WithLabelValues(rec.class).Observe(all.Seconds())
}
