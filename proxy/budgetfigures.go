package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/transform"
)

// budgetFigures are of waits for budgets, and of what was admitted by an estimate.
type budgetFigures struct {
	waits  *prometheus.HistogramVec
	memory prometheus.Histogram
}

func newBudgetFigures() budgetFigures {
	return budgetFigures{
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pictor_budget_wait_seconds",
			Help: "Time that requests waited for a budget, in seconds, by budget. Requests that were admitted or " +
				"refused at once are not counted.",
			Buckets: []float64{1e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20},
		}, []string{"budget"}),
		memory: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "pictor_transform_memory_ratio",
			Help: "Peak memory of a worker during a transform as a part of the memory set aside: the estimate by " +
				"which the transform was admitted, and spare memory of the worker. Above 1 the estimate was too low. " +
				"Transforms of less than 25 ms are not seen.",
			Buckets: []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25},
		}),
	}
}

func (f budgetFigures) observeMemory(m transform.JobMemory) {
	f.memory.Observe(float64(m.Peak) / float64(m.Reserved))
}
