package proxy

import (
	"slices"
	"time"

	"github.com/pictor-proxy/pictor/proxy/tracing"
)

// timeline has the phases of a request in the order in which they were, each as often as it was. A nil timeline keeps
// nothing.
type timeline struct{ stretches []stretch }

// stretch is a time without a change of the phase.
type stretch struct {
	phase      phase
	begin, end time.Time
}

// maxStretches bounds a timeline: a request enters some ten phases, and more where it begins again after purges.
const maxStretches = 48

// add adds what follows the last stretch, or makes that longer.
func (t *timeline) add(p phase, begin, end time.Time) {
	if t == nil || !end.After(begin) {
		return
	}
	if n := len(t.stretches); n > 0 && (t.stretches[n-1].phase == p || n == maxStretches) {
		t.stretches[n-1].end = end
		return
	}
	t.stretches = append(t.stretches, stretch{p, begin, end})
}

// move gives another phase the beginning of the last stretches of one, as long as d: a fetch waits for its slot before
// it begins.
func (t *timeline) move(from, to phase, d time.Duration) {
	if t == nil {
		return
	}
	for i := len(t.stretches) - 1; i >= 0 && d > 0; i-- {
		at := &t.stretches[i]
		if at.phase != from {
			continue
		}
		if took := at.end.Sub(at.begin); took <= d {
			at.phase = to
			d -= took
			continue
		}
		begin := at.begin
		at.begin = begin.Add(d)
		t.stretches = slices.Insert(t.stretches, i, stretch{to, begin, begin.Add(d)})
		return
	}
}

// phases are the stretches for a trace.
func (t *timeline) phases() []tracing.Phase {
	phases := make([]tracing.Phase, 0, len(t.stretches))
	for _, s := range t.stretches {
		phases = append(phases, tracing.Phase{Name: s.phase.String(), Begin: s.begin, End: s.end})
	}
	return phases
}
