package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/memstat"
)

// taken is what a process and its descendants took since they began.
type taken struct {
	// cpu is exact for processes that run, and to a tick for those that ended.
	cpu time.Duration
	// user and system are in ticks.
	user, system int64
	// faults are page faults of the process itself, below those of its descendants.
	faults, below int64
}

func (a taken) since(b taken) taken {
	return taken{a.cpu - b.cpu, a.user - b.user, a.system - b.system, a.faults - b.faults, a.below - b.below}
}

// Further fields of processes: page faults of a process, then of children waited for.
const (
	statMinorFaults = 7 // and those of children
	statMajorFaults = 9
)

// family is a process and all of its descendants.
func family(all map[int][]string, root int) []int {
	parents := map[string][]int{}
	for pid, fields := range all {
		parents[fields[statParent]] = append(parents[fields[statParent]], pid)
	}
	pids := []int{root}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, parents[strconv.Itoa(pids[i])]...)
	}
	return pids
}

// takenBy reads what a process and its descendants took so far.
func takenBy(t testing.TB, root int) (sum taken) {
	t.Helper()
	all := processes()
	if all[root] == nil {
		t.Fatalf("process %d has ended", root)
	}
	for _, pid := range family(all, root) {
		number := func(field int) int64 {
			n, err := strconv.ParseInt(all[pid][field], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		sum.user += number(statCPU) + number(statCPU+2)
		sum.system += number(statCPU+1) + number(statCPU+3)
		ended := number(statCPU+2) + number(statCPU+3)
		sum.cpu += time.Duration(ended) * time.Second / ticksPerSecond
		own := number(statMinorFaults) + number(statMajorFaults)
		sum.below += number(statMinorFaults+1) + number(statMajorFaults+1)
		if pid == root {
			sum.faults += own
		} else {
			sum.below += own
		}
		if d, err := processCPU(pid); err == nil { // else it has just ended
			sum.cpu += d
		}
	}
	return sum
}

// contender is a program whose cost of some work is compared with that of others.
type contender struct {
	name string
	pid  int
	work work
}

// work does something so many times. It gives how long each time took, and how many bytes
// came of the last.
type work func(times int) (took []time.Duration, size int)

// oneByOne does something again and again.
func oneByOne(do func() (size int)) work {
	return func(times int) (took []time.Duration, size int) {
		for range times {
			began := time.Now()
			size = do()
			took = append(took, time.Since(began))
		}
		return took, size
	}
}

// cost is what a contender took.
type cost struct {
	name   string
	rounds []taken
	// times is how often the work was done in each round.
	times   int
	latency []time.Duration
	size    int
	// peak is the highest sum of proportional set sizes, in bytes, 0 where it was not watched.
	peak int64
}

// sorted are the figures of one piece of work in each round.
func (c cost) sorted(of func(taken) int64) []float64 {
	var all []float64
	for _, r := range c.rounds {
		all = append(all, float64(of(r))/float64(c.times))
	}
	slices.Sort(all)
	return all
}

func (c cost) median(of func(taken) int64) float64 {
	all := c.sorted(of)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// cpu is the median, in nanoseconds.
func (c cost) cpu() float64 { return c.median(func(t taken) int64 { return int64(t.cpu) }) }

// least is the CPU time of the cheapest round, in nanoseconds: what other
// programs disturb least.
func (c cost) least() float64 { return c.sorted(func(t taken) int64 { return int64(t.cpu) })[0] }

func (c cost) faults() float64      { return c.median(func(t taken) int64 { return t.faults }) }
func (c cost) faultsBelow() float64 { return c.median(func(t taken) int64 { return t.below }) }

// userShare is the share of user time. Ticks are coarse, so all rounds count together.
func (c cost) userShare() float64 {
	var user, both int64
	for _, r := range c.rounds {
		user, both = user+r.user, both+r.user+r.system
	}
	return float64(user) / float64(max(both, 1))
}

func (c cost) percentile(p float64) time.Duration {
	return load{took: slices.Sorted(slices.Values(c.latency))}.percentile(p)
}

// settle waits until a process and its descendants have done what follows an answer.
func settle(t testing.TB, pid int) {
	t.Helper()
	last := takenBy(t, pid).cpu
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		now := takenBy(t, pid).cpu
		if now-last < time.Millisecond {
			return
		}
		last = now
	}
}

// do does the work, and keeps how long it took.
func (c *cost) do(w work, times int) {
	took, size := w(times)
	c.latency, c.size = append(c.latency, took...), size
}

// inTurns measures a load without pauses: in each round every contender does the work
// so many times, after once that does not count, as it wakes a program that has rested.
func inTurns(t testing.TB, contenders []contender, rounds, times int) []cost {
	t.Helper()
	costs := make([]cost, len(contenders))
	for range rounds {
		for i, p := range contenders {
			c := &costs[i]
			c.name, c.times = p.name, times
			p.work(1)
			settle(t, p.pid)
			before := takenBy(t, p.pid)
			c.do(p.work, times)
			settle(t, p.pid)
			c.rounds = append(c.rounds, takenBy(t, p.pid).since(before))
		}
	}
	return costs
}

// sparsely measures one piece of work in every pause, and what is done between them.
func sparsely(t testing.TB, contenders []contender, rounds int, pause time.Duration) []cost {
	t.Helper()
	costs := make([]cost, len(contenders))
	before := make([]taken, len(contenders))
	tick := time.NewTicker(pause / time.Duration(len(contenders)))
	defer tick.Stop()
	for round := range rounds + 2 { // the first is not at rest, the last only ends the one before it
		for i, p := range contenders {
			<-tick.C
			c, now := &costs[i], takenBy(t, p.pid)
			if c.name, c.times = p.name, 1; round > 1 {
				c.rounds = append(c.rounds, now.since(before[i]))
			}
			if round == 1 {
				c.latency = nil
			}
			if before[i] = now; round <= rounds {
				c.do(p.work, 1)
			}
		}
	}
	return costs
}

// watchPeak has a contender do its work some times, and gives the highest sum of
// proportional set sizes meanwhile.
func watchPeak(t testing.TB, p contender, times int) (peak int64) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var sum int64
			for _, pid := range family(processes(), p.pid) {
				if share, err := memstat.ReadShare(pid); err == nil { // else it has just ended
					sum += share.Anon + share.File + share.Shmem
				}
			}
			peak = max(peak, sum)
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	p.work(times)
	close(end)
	<-ended
	return peak
}

func (c cost) String() string {
	return fmt.Sprintf("%s: %.3f ms of CPU (least %.3f), %.0f + %.0f page faults, median %v", c.name, c.cpu()/1e6,
		c.least()/1e6, c.faults(), c.faultsBelow(), c.percentile(0.5))
}
