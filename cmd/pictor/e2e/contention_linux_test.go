package e2e

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mostContention is the share of all processors that other programs may take
// while a rate or a latency is measured. Beyond it the figure says more about
// them than about pictor, and is logged but not judged.
const mostContention = 0.1

// contention measures how much of the machine other programs take: processor
// time that is neither idle nor that of this test and its descendants.
type contention struct {
	t         testing.TB
	began     time.Time
	all, ours int64 // in ticks of proc(5)
}

func watchContention(t testing.TB) *contention {
	t.Helper()
	return &contention{t, time.Now(), machineTicks(t), treeTicks(t)}
}

// quiet says whether the machine was this test's own since the watch began. A
// test that judges a rate or a latency asks first.
func (c *contention) quiet() bool {
	c.t.Helper()
	elapsed := time.Since(c.began).Seconds() * ticksPerSecond * float64(runtime.NumCPU())
	others := (machineTicks(c.t) - c.all) - (treeTicks(c.t) - c.ours)
	share := float64(others) / max(elapsed, 1)
	if share > mostContention {
		c.t.Logf("other programs took %.0f %% of the processors: what was measured meanwhile is not judged", 100*share)
		return false
	}
	return true
}

// sampleTime is how long a test looks at the machine before it chooses its load.
const sampleTime = 500 * time.Millisecond

// busyShare is the part of a load that a busy machine is given: workers have a
// low priority, and get a tenth of a processor where another program wants it.
const busyShare = 4

// loadFor is n requests where the machine is this test's own, and fewer where
// other programs use it. What is checked stays the same, but for figures, which
// are judged on a quiet machine only.
func loadFor(t testing.TB, n int) int {
	t.Helper()
	c := watchContention(t)
	time.Sleep(sampleTime)
	if c.quiet() {
		return n
	}
	t.Logf("%d requests instead of %d", n/busyShare, n)
	return n / busyShare
}

// ticksPerSecond is the kernel's USER_HZ, 100 on every architecture that Go has.
const ticksPerSecond = 100

// machineTicks is the processor time that was spent on anything since the
// machine started; time stolen by other virtual machines counts, too.
func machineTicks(t testing.TB) (sum int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	// cpu user nice system idle iowait irq softirq steal guest guest_nice
	fields := strings.Fields(string(b[:bytes.IndexByte(b, '\n')]))
	for i, name := range []string{"cpu", "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"} {
		if i == 0 || name == "idle" || name == "iowait" || i >= len(fields) {
			continue
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// treeTicks is the processor time of this process and its descendants, those
// that have ended and were waited for included.
func treeTicks(t testing.TB) (sum int64) {
	t.Helper()
	parents, ticks := map[int]int{}, map[int]int64{}
	for pid, fields := range processes() {
		parents[pid], _ = strconv.Atoi(fields[statParent])
		for _, text := range fields[statCPU : statCPU+4] {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			ticks[pid] += n
		}
	}
	for pid, n := range ticks {
		for p := pid; p > 1; p = parents[p] {
			if p == os.Getpid() {
				sum += n
				break
			}
		}
	}
	return sum
}

// The watch sees another program, and takes our own processes for none.
func TestContention(t *testing.T) {
	own := watchContention(t)
	for start := cpuTime(t, os.Getpid()); cpuTime(t, os.Getpid())-start < 300*time.Millisecond; {
	}
	took := treeTicks(t) - own.ours
	if took < 25 {
		t.Errorf("%d ticks of our own for 300 ms", took)
	}
	if all := machineTicks(t) - own.all; all < took-2*int64(runtime.NumCPU()) {
		t.Errorf("the machine spent %d ticks, and we %d of them", all, took)
	}
	c := watchContention(t)
	c.ours -= 1000 * int64(runtime.NumCPU()) // as if ten seconds of all that is spent here were ours
	if !c.quiet() {
		t.Error("our own time counts as another program's")
	}
	c = watchContention(t)
	c.all -= 1000 * int64(runtime.NumCPU())
	if c.quiet() {
		t.Error("ten seconds of others on each processor count as quiet")
	}
}
