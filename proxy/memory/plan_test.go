package memory

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"pgregory.net/rapid"
)

// maxWorkers is the most that the tests set.
const maxWorkers = 256

func sum(p Plan) int64 {
	return fixedBytes + p.Connections + int64(p.Workers)*baseWorker + p.Slack + p.Cache + cacheHeadroom(p.Cache) +
		p.Index.Disk + p.Index.Hidden + p.Index.Spans + p.Sources + p.Results + p.Transforms
}

func planInput(t *rapid.T) PlanInput {
	// Small limits as often as large ones.
	top := int64(1) << rapid.IntRange(26, 40).Draw(t, "magnitude")
	return PlanInput{
		Limit:    rapid.Int64Range(64*mib, top).Draw(t, "limit"),
		Workers:  rapid.OneOf(rapid.Just(0), rapid.IntRange(1, maxWorkers)).Draw(t, "workers"),
		MaxProcs: rapid.IntRange(1, 512).Draw(t, "procs"), MaxWorkers: maxWorkers,
		CacheMemory: rapid.OneOf(
			rapid.Just(int64(0)), rapid.Just(int64(-1)), rapid.Int64Range(1, top),
		).Draw(t, "cache"),
		CacheDisk:   rapid.Int64Range(-1, 1<<45).Draw(t, "disk"),
		Spans:       rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, top/8)).Draw(t, "spans"),
		HiddenIndex: rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, top/8)).Draw(t, "hidden"),
	}
}

func TestPlanNeverExceedsItsLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := planInput(t)
		p, err := NewPlan(in)
		if err != nil {
			if !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			return
		}
		if sum(p) > p.Limit || p.Limit != in.Limit {
			t.Fatalf("%d is split into %d: %s", in.Limit, sum(p), p)
		}
		if p.Transforms < minTransform || p.Sources+p.Results < minBodies || p.Slack < p.Limit/10 || p.Cache < 0 ||
			cacheHeadroom(p.Cache) < p.Cache/5*2 {
			t.Fatalf("a part is too small: %+v", p)
		}
		if p.Workers < 1 || p.Workers > maxWorkers || in.Workers > 0 && p.Workers != in.Workers ||
			in.Workers == 0 && p.Workers > in.MaxProcs {
			t.Fatalf("%d workers out of %d, %d processors", p.Workers, in.Workers, in.MaxProcs)
		}
		if in.Workers == 0 && p.Workers > 1 && p.Transforms < int64(p.Workers)*recommendedTransform {
			t.Fatalf("%d workers share %s", p.Workers, formatBytes(p.Transforms))
		}
		if in.CacheMemory > 0 && p.Cache != in.CacheMemory || in.CacheMemory < 0 && p.Cache != 0 ||
			p.Cache > p.Limit/6 && in.CacheMemory <= 0 {
			t.Fatalf("cache %d out of %d", p.Cache, in.CacheMemory)
		}
		if p.GoLimit+p.Sources+p.Transforms+int64(p.Workers)*baseWorker+p.Slack > p.Limit {
			t.Fatalf("a full heap beside full sources and transforms exceeds the limit: %s", p)
		}
		if p.Exclusive < p.Transforms+p.Sources {
			t.Fatalf("exclusive %d is less than shared %d", p.Exclusive, p.Transforms)
		}
	})
}

func TestSmallestLimitWorksAndOneMiBLessDoesNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := planInput(t)
		least := in.Least()
		in.Limit = least
		if _, err := NewPlan(in); err != nil {
			t.Fatalf("%s does not work: %v", formatExact(least), err)
		}
		in.Limit = least - mib
		if _, err := NewPlan(in); !errors.Is(err, ErrLimit) {
			t.Fatalf("%s works, although %s is the least", formatExact(in.Limit), formatExact(least))
		}
	})
}

func TestPlanOfUsualLimits(t *testing.T) {
	for _, c := range []struct {
		in                        PlanInput
		workers                   int
		cache, bodies, transforms string
	}{
		{PlanInput{Limit: 128 * mib, MaxProcs: 8}, 1, "3.6MiB", "18.5MiB", "34.5MiB"},
		{PlanInput{Limit: 256 * mib, MaxProcs: 2}, 2, "30.5MiB", "42.1MiB", "53.6MiB"},
		{PlanInput{Limit: 256 * mib, MaxProcs: 2, Workers: 2}, 2, "30.5MiB", "38.6MiB", "57.1MiB"},
		{PlanInput{Limit: 512 * mib, MaxProcs: 2}, 2, "61MiB", "85.3MiB", "166.1MiB"},
		{PlanInput{Limit: 512 * mib, MaxProcs: 2, CacheMemory: -1}, 2, "0MiB", "85.3MiB", "251.5MiB"},
		{PlanInput{Limit: 512 * mib, MaxProcs: 2, CacheMemory: 100 * mib}, 2, "100MiB", "56.7MiB", "140.1MiB"},
		{PlanInput{Limit: 256 * mib, MaxProcs: 2, CacheDisk: 1 << 30}, 2, "30.5MiB", "41.6MiB", "52.1MiB"},
		{PlanInput{Limit: 8192 * mib, MaxProcs: 8}, 8, "975.2MiB", "1365.3MiB", "3986.1MiB"},
	} {
		p, err := NewPlan(c.in)
		if err != nil {
			t.Errorf("%+v: %v", c.in, err)
			continue
		}
		if p.Workers != c.workers || formatBytes(p.Cache) != c.cache || formatBytes(p.Sources+p.Results) != c.bodies ||
			formatBytes(p.Transforms) != c.transforms {
			t.Errorf("%+v: %s", c.in, p)
		}
	}
}

func TestPlanRefusesWithTheLimitThatWouldDo(t *testing.T) {
	for _, c := range []struct {
		in   PlanInput
		want []string
	}{
		{PlanInput{Limit: 100 * mib, LimitFrom: "cgroup"}, []string{"100MiB (cgroup)", "at least 117MiB", "raise --memory-limit"}},
		{PlanInput{}, []string{"at least 117MiB"}},
		{PlanInput{Limit: -1}, []string{"at least 117MiB"}},
		{PlanInput{Limit: 256 * mib, Workers: 16}, []string{"lower --workers (16)"}},
		{PlanInput{Limit: 256 * mib, CacheMemory: 200 * mib}, []string{"lower --cache-memory (200MiB)"}},
		{PlanInput{Limit: 1536 * mib, CacheMemory: 1280 * mib}, []string{"small: 1.5GiB,", "lower --cache-memory (1.25GiB)"}},
		{PlanInput{Limit: math.MaxInt64, CacheMemory: math.MaxInt64}, []string{"lower --cache-memory"}},
	} {
		p, err := NewPlan(c.in)
		if !errors.Is(err, ErrLimit) {
			t.Errorf("%+v: %s, %v", c.in, p, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %q does not say %s", c.in, err, want)
			}
		}
	}
	for _, workers := range []int{-1, maxWorkers + 1} {
		if _, err := NewPlan(PlanInput{Limit: 1 << 40, Workers: workers, MaxWorkers: maxWorkers}); err == nil {
			t.Errorf("%d workers are accepted", workers)
		}
	}
}

func TestLimitForIsTheLeastThatDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		need := rapid.Int64Range(0, 1<<uint(rapid.IntRange(20, 45).Draw(t, "magnitude"))).Draw(t, "need")
		limit := LimitFor(need)
		p, err := NewPlan(PlanInput{Limit: limit, CacheDisk: maxLimit})
		if err != nil || p.Exclusive < need {
			t.Fatalf("%d does not fit exclusively into %d: %v, %s", need, limit, err, p)
		}
		less, err := NewPlan(PlanInput{Limit: limit - mib, MaxProcs: 1, CacheMemory: -1, CacheDisk: maxLimit})
		if err == nil && less.Exclusive >= need {
			t.Fatalf("%d fits exclusively into %d, too", need, limit-mib)
		}
	})
	if n := LimitFor(math.MaxInt64 / 2); n != 0 {
		t.Errorf("what no limit holds fits into %d", n)
	}
	for _, bytes := range []int64{1, 100 * mib, 10 << 30} {
		limit := LimitForSource(bytes)
		p, err := NewPlan(PlanInput{Limit: limit, CacheDisk: maxLimit})
		if err != nil || p.Sources < bytes {
			t.Errorf("a source of %d does not fit into %d: %v", bytes, limit, err)
		}
		if p, err := NewPlan(PlanInput{Limit: limit - mib, CacheDisk: maxLimit}); err == nil && p.Sources >= bytes {
			t.Errorf("a source of %d fits into less than %d", bytes, limit)
		}
	}
}

// The index of hidden sources, and traces, come out of what jobs may have, and the limit that a refusal names has room
// for all of them.
func TestWhatSettingsAskFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := planInput(t)
		p, err := NewPlan(in)
		if err != nil {
			return
		}
		without := in
		without.HiddenIndex, without.Spans = 0, 0
		if q, err := NewPlan(without); err != nil || q.Exclusive < p.Exclusive || p.Index.Hidden != in.HiddenIndex ||
			p.Index.Spans != in.Spans {
			t.Fatalf("%d of %+v become %d, %v", q.Exclusive, p.Index, p.Exclusive, err)
		}
		need := p.Exclusive + rapid.Int64Range(1, 1<<30).Draw(t, "more")
		in.Limit = LimitFor(need + p.Index.demanded())
		if p, err = NewPlan(in); err != nil || p.Exclusive < need {
			t.Fatalf("%d does not fit exclusively into %d: %v, %s", need, in.Limit, err, p)
		}
	})
}

func TestPlanTakesTheProcessorsThereAre(t *testing.T) {
	p, err := NewPlan(PlanInput{Limit: 1 << 40, MaxWorkers: maxWorkers})
	if err != nil || p.Workers != min(runtime.GOMAXPROCS(0), maxWorkers) {
		t.Errorf("got %d, %v", p.Workers, err)
	}
}

func TestPlanIsLoggedInOneLine(t *testing.T) {
	p, err := NewPlan(PlanInput{Limit: 512 * mib, LimitFrom: "cgroup", MaxProcs: 2})
	if err != nil {
		t.Fatal(err)
	}
	const want = "memory limit 512MiB (cgroup) = server 32MiB + connections 64MiB + workers 2 × 14MiB + slack 51.2MiB" +
		" + cache 61MiB + its headroom 24.4MiB + disk index 0MiB + bodies 85.3MiB" +
		" + transforms 166.1MiB; GOMEMLIMIT 182.7MiB"
	if p.String() != want {
		t.Errorf("got %s", p)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("memory", "plan", p)
	line := log.String()
	for _, part := range []string{
		"plan.limit=512MiB", "plan.from=cgroup", "plan.workers=2", "plan.transforms=166.1MiB", "plan.gomemlimit=182.7MiB",
	} {
		if !strings.Contains(line, part) {
			t.Errorf("%s is not in %s", part, line)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("more than one line: %s", line)
	}
}

func TestLargeSizesPrintInGiB(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0MiB", mib / 2: "0.5MiB", 9 << 30: "9216MiB", 10 << 30: "10GiB", 1 << 40: "1024GiB",
	} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestSizesPrintExactly(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "-1", 0: "0", 1000: "1000", 1024: "1KiB", 1536: "1536", 1280 << 10: "1.25MiB", 1000 * mib: "1000MiB",
		1280 * mib: "1.25GiB", 3 << 39: "1.5TiB", 1<<40 + 1: "1099511627777", math.MaxInt64: "9223372036854775807",
	} {
		if got := formatExact(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestFindLimitTakesFlagThenCgroupThenMachine(t *testing.T) {
	broken := func() (uint64, error) { return 0, fmt.Errorf("no such thing") }
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	const gib = 1 << 30
	for _, c := range []struct {
		name            string
		flag            int64
		cgroup, machine memlimit.Provider
		want            int64
		from            string
	}{
		{"flag", 2 * gib, memlimit.Limit(4 * gib), memlimit.Limit(8 * gib), 2 * gib, "--memory-limit"},
		{"flag without cgroup", 2 * gib, none, memlimit.Limit(8 * gib), 2 * gib, "--memory-limit"},
		{"flag when nothing is known", 2 * gib, broken, broken, 2 * gib, "--memory-limit"},
		{"flag above the cgroup", 6 * gib, memlimit.Limit(4 * gib), memlimit.Limit(8 * gib), 4 * gib, "cgroup, less than --memory-limit 6144MiB"},
		{"cgroup", 0, memlimit.Limit(4 * gib), memlimit.Limit(8 * gib), 4 * gib, "cgroup"},
		{"cgroup of the whole machine", 0, memlimit.Limit(8 * gib), memlimit.Limit(8 * gib), 8 * gib, "cgroup"},
		{"cgroup on an unknown machine", 0, memlimit.Limit(4 * gib), broken, 4 * gib, "cgroup"},
		{"cgroup above the machine", 0, memlimit.Limit(64 * gib), memlimit.Limit(8 * gib), 6 * gib, "75% of the machine"},
		{"cgroup without end", 0, memlimit.Limit(math.MaxUint64), memlimit.Limit(8 * gib), 6 * gib, "75% of the machine"},
		{"no limit", 0, none, memlimit.Limit(8 * gib), 6 * gib, "75% of the machine"},
		{"no cgroup", 0, broken, memlimit.Limit(8 * gib), 6 * gib, "75% of the machine"},
	} {
		got, from, err := findLimit(c.flag, c.cgroup, c.machine)
		if err != nil || got != c.want || from != c.from {
			t.Errorf("%s: got %d %q, %v", c.name, got, from, err)
		}
	}
	for _, flag := range []int64{0, -1} {
		if _, _, err := findLimit(flag, none, broken); err == nil || !strings.Contains(err.Error(), "--memory-limit") {
			t.Errorf("%d: got %v", flag, err)
		}
	}
}

func TestFindLimitFindsSomethingHere(t *testing.T) {
	limit, from, err := FindLimit(0)
	if err != nil || limit <= 0 || from == "" {
		t.Errorf("got %d %q, %v", limit, from, err)
	}
}
