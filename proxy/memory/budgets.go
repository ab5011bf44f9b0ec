package memory

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// Budgets admit what takes place: by bytes, and fetches and jobs by number, so
// that a request waits here and not with a connection or a working set in its
// hands.
type Budgets struct {
	Fetches, Workers, Sources, Transforms *budget.Budget
	// Responses is for large results on their way to clients, SmallResponses for
	// the others.
	Responses, SmallResponses *budget.Budget
	// Exclusive has room for one job that has all to itself.
	Exclusive *budget.Budget
	// Uploads is the part of Sources that clients may fill.
	Uploads *budget.Budget
}

// BudgetReport is a budget: in bytes, but fetches and workers by number.
type BudgetReport struct {
	Name         string `json:"name"`
	InUse        int64  `json:"in_use"`
	Capacity     int64  `json:"capacity"`
	Peak         int64  `json:"peak"`
	Waiting      int    `json:"waiting"`
	WaitingBytes int64  `json:"waiting_bytes"`
	Granted      uint64 `json:"granted"`
	Shed         uint64 `json:"shed"`
	TooLarge     uint64 `json:"too_large"`
	// Stuck says that requests wait in vain: see StuckWatch.
	Stuck bool `json:"stuck,omitempty"`
	// Counted says that the budget is of a number of things. ShedBy is Shed by reason.
	Counted bool                         `json:"-"`
	ShedBy  map[budget.ShedReason]uint64 `json:"-"`
}

// newBudgets makes the budgets of a plan. waited, unless nil, is told of each wait, with the name of the budget.
func newBudgets(p Plan, wait time.Duration, waited func(string, time.Duration)) (Budgets, error) {
	small, large := SplitResponses(p.Results)
	capacities := map[string]int64{
		"fetches": int64(p.Fetches), "workers": int64(p.Workers), "alone": 1, "sources": p.Sources,
		"transforms": p.Transforms, "sending": large, "sending_small": small, "uploads": shareOfUploads(p.Sources),
	}
	var b Budgets
	for _, row := range b.named() {
		cfg := budget.Config{Capacity: capacities[row.name], MaxWait: wait}
		switch row.name { // the clients of these are cut off for others
		case "sending", "sending_small", "uploads":
			cfg.Revocable = true
		}
		if waited != nil {
			cfg.Waited = func(d time.Duration) { waited(row.name, d) }
		}
		var err error
		if *row.budget, err = budget.New(cfg); err != nil {
			return b, err
		}
	}
	return b, nil
}

// namedBudget is a budget with its name in figures. Those that are counted are no bytes.
type namedBudget struct {
	name    string
	budget  **budget.Budget
	counted bool
}

// named are all budgets.
func (b *Budgets) named() []namedBudget {
	return []namedBudget{
		{"fetches", &b.Fetches, true}, {"sources", &b.Sources, false}, {"transforms", &b.Transforms, false},
		{"workers", &b.Workers, true}, {"alone", &b.Exclusive, true}, {"sending", &b.Responses, false},
		{"sending_small", &b.SmallResponses, false}, {"uploads", &b.Uploads, false},
	}
}

// report is the figures of all budgets. Their names are those of the metrics.
func (b Budgets) report(fetchesWaiting int) []BudgetReport {
	var out []BudgetReport
	for _, row := range b.named() {
		s := (*row.budget).Stats()
		if row.name == "fetches" {
			s.Waiting += fetchesWaiting
			s.WaitingBytes += int64(fetchesWaiting)
		}
		out = append(out, BudgetReport{
			Name: row.name, InUse: s.InUse, Capacity: s.Capacity, Peak: s.Peak, Waiting: s.Waiting,
			WaitingBytes: s.WaitingBytes, Granted: s.Granted, Shed: s.Shed, TooLarge: s.TooLarge,
			Counted: row.counted, ShedBy: (*row.budget).ShedBy(),
		})
	}
	return out
}
