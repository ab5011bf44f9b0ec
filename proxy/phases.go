package proxy

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// phase is what the time of a request goes to. A request is in one phase at any moment, so that all of them together
// are its whole time.
type phase uint8

const (
	// phaseVerify reads the request: signature, path, permissions, format.
	phaseVerify phase = iota
	// phaseLookup looks for an entry in the tiers of the cache, and has them store a new one.
	phaseLookup
	// phaseBucket asks the bucket for a result, before a fill makes one, or for its source.
	phaseBucket
	// phaseFollow waits for the fill of another request, or of another server of the cluster.
	phaseFollow
	// phaseQueue waits for budgets.
	phaseQueue
	// phaseFetch gets the source: from disk, by revalidation, from its origin, or from the body of an upload.
	phaseFetch
	// phaseTransform has a worker make the result.
	phaseTransform
	// phaseSend sends the response.
	phaseSend
	phaseCount
)

// phaseNames are the names of phases in logs, traces, metrics and Server-Timing.
var phaseNames = [phaseCount]string{"verify", "lookup", "bucket", "follow", "queue", "fetch", "transform", "send"}

func (p phase) String() string { return phaseNames[p] }

// phaseTimes is how long a request was in each phase.
type phaseTimes [phaseCount]time.Duration

// serverTiming is the value of a Server-Timing header (W3C Server Timing §3.1), whose durations are in
// milliseconds, with the phases before the response that took any time.
func (t phaseTimes) serverTiming() string {
	var b strings.Builder
	for p, d := range t[:phaseSend] {
		if d <= 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(phaseNames[p])
		b.WriteString(";dur=")
		b.WriteString(strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64))
	}
	return b.String()
}

// phaseClock measures the phases of one request. The goroutine of the request and that of its fill take turns.
// A nil clock measures nothing.
type phaseClock struct {
	mu      sync.Mutex
	current phase
	// since is when the current phase began, or was last counted.
	since time.Time
	times phaseTimes
	// timeline has when the phases were; nil where no trace asks for it.
	timeline *timeline
	// fill is the fill that the request waits for; nil for none.
	fill *fillPhases
	// workingSet is what the job of the fill was admitted with, in bytes; 0 for none.
	workingSet int64
	// searched is what the search for the quality of the result has come to; zero for none.
	searched transform.Searched
	// beforeWait is the phase that the wait for a budget is in the midst of.
	beforeWait phase
}

// begin starts the clock, in the first phase.
func (c *phaseClock) begin(now time.Time) { c.since, c.current = now, phaseVerify }

// enter ends the current phase.
func (c *phaseClock) enter(p phase) {
	c.locked(func(c *phaseClock) { c.enterLocked(p) })
}

func (c *phaseClock) enterLocked(p phase) {
	now := time.Now()
	c.times[c.current] += now.Sub(c.since)
	c.timeline.add(c.current, c.since, now)
	c.current, c.since = p, now
}

// read is the times up to now.
func (c *phaseClock) read() (t phaseTimes) {
	c.locked(func(c *phaseClock) {
		c.enterLocked(c.current)
		t = c.times
	})
	return t
}

// jobTiming has the members of Server-Timing for the job: the memory that it was admitted with, and what a search for
// the quality has come to; "" where there was none.
func (c *phaseClock) jobTiming() string {
	var members []string
	c.locked(func(c *phaseClock) {
		if c.workingSet > 0 {
			members = append(members, fmt.Sprintf(`memory;desc="%.1f MiB"`, float64(c.workingSet)/(1<<20)))
		}
		if found := c.searched; found.Encodes > 0 {
			members = append(members, fmt.Sprintf(`quality;desc="%d", encodes;desc="%d"`, found.Quality, found.Encodes))
			if found.Score > 0 {
				members = append(members, fmt.Sprintf(`score;desc="%.3g"`, found.Score))
			}
		}
	})
	return strings.Join(members, ", ")
}

// WaitBegins implements budget.Observer, for what the request waits for beside its fill.
func (c *phaseClock) WaitBegins() { c.locked((*phaseClock).beginWait) }

// WaitEnds implements budget.Observer.
func (c *phaseClock) WaitEnds() { c.locked((*phaseClock).endWait) }

// WaitedElsewhere implements budget.Observer.
func (c *phaseClock) WaitedElsewhere(d time.Duration) {
	c.locked(func(c *phaseClock) { c.moveLocked(phaseQueue, d) })
}

func (c *phaseClock) locked(do func(*phaseClock)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c)
}

func (c *phaseClock) beginWait() {
	c.beforeWait = c.current
	c.enterLocked(phaseQueue)
}

func (c *phaseClock) endWait() { c.enterLocked(c.beforeWait) }

// moveLocked counts a part of the current phase for another one.
func (c *phaseClock) moveLocked(to phase, d time.Duration) {
	c.enterLocked(c.current)
	d = min(d, c.times[c.current])
	c.times[c.current] -= d
	c.times[to] += d
	c.timeline.move(c.current, to, d)
}

// beginFill has the fill of a lookup count its phases for the request.
func (c *phaseClock) beginFill() *fillPhases {
	if c == nil {
		return nil
	}
	f := &fillPhases{clock: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fill = f
	c.enterLocked(phaseLookup)
	f.lookedUp = c.times[phaseLookup]
	return f
}

// fillPhases are the phases of a fill, as long as a request waits for it. Later ones count for nobody: the fill
// may go on without the request. So do those of a fill without a client, where it is nil.
type fillPhases struct {
	clock *phaseClock
	// lookedUp is how long the request had looked up before.
	lookedUp time.Duration
}

// end is called by the request when it does not wait any more. followed says that it waited for the fill of another
// one.
func (f *fillPhases) end(followed bool) {
	if f == nil {
		return
	}
	c := f.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fill = nil
	c.enterLocked(phaseLookup)
	if followed {
		c.moveLocked(phaseFollow, c.times[phaseLookup]-f.lookedUp)
	}
}

// enter ends the current phase, if the request still waits for the fill.
func (f *fillPhases) enter(p phase) {
	f.count(func(c *phaseClock) { c.enterLocked(p) })
}

// noteWorkingSet is told what the job of the fill was admitted with, in bytes.
func (f *fillPhases) noteWorkingSet(n int64) { f.count(func(c *phaseClock) { c.workingSet = n }) }

// noteSearched is told what a search for the quality has come to. A size in bytes is no score.
func (f *fillPhases) noteSearched(found transform.Searched, method transform.Method) {
	if method == transform.BySize {
		found.Score = 0
	}
	f.count(func(c *phaseClock) { c.searched = found })
}

// WaitBegins implements budget.Observer.
func (f *fillPhases) WaitBegins() { f.count((*phaseClock).beginWait) }

// WaitEnds implements budget.Observer.
func (f *fillPhases) WaitEnds() { f.count((*phaseClock).endWait) }

// WaitedElsewhere implements budget.Observer: the fetch of a source, which several fills may share, has waited.
func (f *fillPhases) WaitedElsewhere(d time.Duration) {
	f.count(func(c *phaseClock) { c.moveLocked(phaseQueue, d) })
}

// count calls do with the lock of the clock held, if the request still waits for the fill.
func (f *fillPhases) count(do func(*phaseClock)) {
	if f == nil {
		return
	}
	f.clock.locked(func(c *phaseClock) {
		if c.fill == f {
			do(c)
		}
	})
}
