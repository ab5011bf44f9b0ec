package memory

import (
	"fmt"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// StuckWatch finds budgets of which nothing is given back for longer than any work may take, while requests want
// some: what holds them hangs, or was lost. In an overload work ends, and so makes room. A budget that is stuck stays
// so until some of it is given back: that nobody asks for it, as a server that is not ready gets no requests, is no
// reason.
type StuckWatch struct {
	longestWork func() time.Duration

	mu      sync.Mutex
	budgets map[string]*budgetWatch
	sampled time.Time
}

// budgetWatch is what a StuckWatch has seen of a budget.
type budgetWatch struct {
	// inVain counts the requests that waited for as long as they may. Those that are shed at once say nothing: slow
	// readers are cut off only for requests that wait.
	returned, inVain uint64
	// since is from when on requests have wanted some, and got nothing of what others held; zero where there are none.
	// wanted is when one was seen last.
	since, wanted time.Time
	stuck         bool
}

// longestPause is the longest time between two samples that counts: a machine that was suspended, or had no time for
// the watch, has had none for the work either.
const longestPause = 5 * time.Second

// leastPatience leaves slow readers, who hold some of the budget of transforms, the time to be cut off for others.
const leastPatience = 6 * maxReadTime

// patience is for how long nothing must be given back: twice as long as work may take.
func (w *StuckWatch) patience() time.Duration {
	if w.longestWork == nil {
		return 100 * time.Second
	}
	return max(2*w.longestWork(), leastPatience)
}

// watchedBudget is a budget of work with what moves while its reservations are in use.
type watchedBudget struct {
	name   string
	budget *budget.Budget
	// beside is nil, or a budget that work with these reservations gives back: one transform after the other may use
	// a source, which so is held for longer than each of them.
	beside *budget.Budget
}

func (b *Budgets) watched() [4]watchedBudget {
	return [4]watchedBudget{
		{"fetches", b.Fetches, nil}, {"sources", b.Sources, b.Transforms},
		{"transforms", b.Transforms, nil}, {"workers", b.Workers, nil},
	}
}

// sample looks at the budgets, and gives the names of those that have become stuck and of those that move again.
func (w *StuckWatch) sample(now time.Time, b *Budgets, fetchesWaiting int) (stuck, moving []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.budgets == nil {
		w.budgets = map[string]*budgetWatch{}
	}
	lost := max(now.Sub(w.sampled)-longestPause, 0)
	w.sampled = now
	for _, row := range b.watched() {
		st := row.budget.Stats()
		returned := st.Returned
		if row.beside != nil {
			returned += row.beside.Stats().Returned
		}
		inVain := row.budget.ShedBy()[budget.Waited]
		seen := w.budgets[row.name]
		if seen == nil {
			seen = &budgetWatch{returned: returned, inVain: inVain}
			w.budgets[row.name] = seen
		}
		wanted := st.Waiting > 0 || inVain != seen.inVain || row.name == "fetches" && fetchesWaiting > 0
		seen.inVain = inVain
		before := seen.stuck
		seen.look(now, lost, w.patience(), returned, wanted)
		switch {
		case seen.stuck && !before:
			stuck = append(stuck, row.name)
		case before && !seen.stuck:
			moving = append(moving, row.name)
		}
	}
	return stuck, moving
}

// look is one sample of a budget. Of the time since the last one, lost does not count.
func (s *budgetWatch) look(now time.Time, lost, patience time.Duration, returned uint64, wanted bool) {
	if returned != s.returned {
		*s = budgetWatch{returned: returned, inVain: s.inVain}
	}
	if !s.since.IsZero() {
		s.since, s.wanted = s.since.Add(lost), s.wanted.Add(lost)
	}
	switch {
	case wanted:
		if s.since.IsZero() {
			s.since = now
		}
		s.wanted = now
		s.stuck = s.stuck || now.Sub(s.since) >= patience
	case now.Sub(s.wanted) > patience/2: // a request now and then says nothing of the time between
		s.since = time.Time{}
	}
}

// Err says which budget is stuck; nil for none.
func (w *StuckWatch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range (&Budgets{}).watched() {
		if s := w.budgets[row.name]; s != nil && s.stuck {
			return fmt.Errorf("stuck: requests wait for the budget %q, of which nothing was given back for %v",
				row.name, w.patience())
		}
	}
	return nil
}

// isStuck says whether a budget is stuck, by its name.
func (w *StuckWatch) isStuck(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.budgets[name]
	return s != nil && s.stuck
}
