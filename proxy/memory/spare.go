package memory

import "github.com/pictor-proxy/pictor/proxy/budget"

// CanSpare says whether there is room for another job in the background: memory is not
// short, no request waits for a budget, no job runs exclusively or waits to, and a worker
// and a fetch can be spared. It is for a caller that has nothing in its hands yet; what it
// begins then is admitted, or yields, step by step.
func (g *Governor) CanSpare() bool {
	if g.underPressure() {
		return false
	}
	if s := g.Budgets.Exclusive.Stats(); s.InUse > 0 || s.Waiting > 0 {
		return false
	}
	for _, b := range []*budget.Budget{g.Budgets.Responses, g.Budgets.SmallResponses} {
		if b.Stats().Waiting > 0 {
			return false
		}
	}
	for _, b := range []*budget.Budget{g.Budgets.Workers, g.Budgets.Fetches, g.Budgets.Sources, g.Budgets.Transforms} {
		if !b.CanSpare(1) {
			return false
		}
	}
	return true
}

// BackgroundJobs is how many jobs in the background may be under way at once: half as many
// as there are workers, at least 1.
func (g *Governor) BackgroundJobs() int { return max(g.currentPlan().Workers/2, 1) }
