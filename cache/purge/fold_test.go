package purge

import (
	"fmt"
	"runtime"
	"testing"
)

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// purgeTags purges n tags, each with 25 others at once.
func purgeTags(t testing.TB, c *Clock, n int) {
	t.Helper()
	for i := 0; i < n; i += 25 {
		var targets []Target
		for j := range 25 {
			targets = append(targets, Target{Tag, fmt.Sprint("tag ", i+j)})
		}
		do(t, c, Mode(i/25%2), targets...)
	}
}

// noneForgotten fails where a purge of purgeTags is not there.
func noneForgotten(t testing.TB, c *Clock, n int) {
	t.Helper()
	for i := range n {
		seq, mode := uint64(i/25+1), Mode(i/25%2)
		hard, soft := c.Last(Scope{Tags: []string{fmt.Sprint("tag ", i)}})
		if mode == Hard && hard < seq || mode == Soft && soft < seq {
			t.Fatalf("tag %d, %v with %d: %d, %d", i, mode, seq, hard, soft)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const n = 100_000
	before := heap()
	c := open(t, Config{})
	purgeTags(t, c, n)
	used := heap() - before
	noneForgotten(t, c, n)
	t.Logf("%d bytes for %d targets", used, n)
	if used > 4<<20 {
		t.Errorf("%d bytes for %d targets", used, n)
	}
	s := c.Stats()
	if s.Targets > 16384 || s.Targets < 8192 || int(s.Folded)+s.Targets != n {
		t.Errorf("%+v", s)
	}
	// The newest are exact, and what was never purged is taken along only by
	// what shares its slot.
	taken := 0
	for i := range 10_000 {
		hard, soft := c.Last(Scope{Tags: []string{fmt.Sprint("no tag ", i)}})
		if max(hard, soft) > 0 {
			taken++
		}
		if max(hard, soft) > uint64((n-s.Targets)/25+1) {
			t.Fatalf("no tag %d: %d, %d", i, hard, soft)
		}
	}
	if taken == 0 || taken == 10_000 {
		t.Errorf("%d of 10000 were taken along", taken)
	}
}

// A log is compacted to the same state, and not at every purge although its
// snapshot is large.
func TestCompaction(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.MaxExact, cfg.growth = 100, 100_000
	c := open(t, cfg)
	do(t, c, Soft, Target{Prefix, "https://h/a/"}, Target{Kind: All})
	purgeTags(t, c, 5_000)
	grow(t, c, 100_000)
	if s := c.Stats(); s.Folded == 0 || s.LogBytes != int64(len(get(t, cfg.logFile()))) {
		t.Errorf("%+v", s)
	}
	for i := range slots / 8 {
		c.state.addSlot(uint16(i), seqPair{hard: uint64(i%50 + 1), soft: uint64(i%70 + 1)})
	}
	c.compactLog()
	snapshot := c.log.size
	if snapshot < 2*cfg.growth {
		t.Fatalf("the snapshot has %d bytes", snapshot)
	}
	grow(t, c, 80_000)
	if got := c.Stats().LogBytes; got < snapshot+80_000 {
		t.Errorf("compacted to %d bytes, from %d", got, snapshot)
	}
	grow(t, c, 80_000)
	if got := c.Stats().LogBytes; got > snapshot+80_000 {
		t.Errorf("not compacted: %d bytes, from %d", got, snapshot)
	}
	closeClock(t, c)
	again := open(t, cfg)
	same(t, again, c)
	if again.isFresh() {
		t.Error(again.reason())
	}
}

func TestPrefixesAreFolded(t *testing.T) {
	c := open(t, Config{MaxPrefixes: 100})
	prefix := func(i int) string { return fmt.Sprintf("https://h%d/dir %d/", i%50, i) }
	const n = 200
	for i := range n {
		do(t, c, Mode(i%2), Target{Prefix, prefix(i)})
		if p := c.Stats().Prefixes; p > 100 {
			t.Fatalf("%d prefixes", p)
		}
	}
	for i := range n {
		hard, soft := c.Last(Scope{Source: prefix(i) + "pic.jpg"})
		if i%2 == int(Hard) && hard < uint64(i+1) || i%2 == int(Soft) && soft < uint64(i+1) {
			t.Errorf("prefix %d: %d, %d", i, hard, soft)
		}
	}
	s := c.Stats()
	if s.Folded == 0 || int(s.Folded)+s.Prefixes != n || s.Targets == 0 || s.Targets > 50 {
		t.Errorf("%+v", s)
	}
	// More than was named, on the same site; nothing on another one, or with
	// another scheme.
	if hard, soft := c.Last(Scope{Source: "https://h0/other"}); hard+soft == 0 {
		t.Error("folded prefixes do not name their site")
	}
	for _, source := range []string{"https://h50/dir 0/x", "http://h0/dir 0/x", "https://h0", "https://h01/dir 0/x"} {
		if hard, soft := c.Last(Scope{Source: source}); hard+soft > 0 {
			t.Errorf("%s: %d, %d", source, hard, soft)
		}
	}
}

// A purge of a quarter of what is exact, or of half of the prefixes, is exact
// itself, whatever was purged before.
func TestThePurgeThatFoldsIsExact(t *testing.T) {
	c := open(t, Config{})
	for i := range 9 {
		var exact, prefixes []Target
		for j := range DefaultMaxExact / 4 {
			exact = append(exact, Target{Tag, fmt.Sprint(i, " ", j)})
		}
		for j := range DefaultMaxPrefixes / 2 {
			prefixes = append(prefixes, Target{Prefix, fmt.Sprintf("https://h/%d/%d/", i, j)})
		}
		before := c.Applied()
		do(t, c, Hard, prefixes...)
		do(t, c, Hard, exact...)
		for j := range 10_000 {
			if hard, _ := c.Last(Scope{Source: "https://h/", Tags: []string{fmt.Sprint("none ", j)}}); hard > before {
				t.Fatalf("purges %d and %d took along what they do not name, with %d", before+1, before+2, hard)
			}
		}
	}
	if c.Stats().Folded == 0 {
		t.Error("nothing was folded")
	}
}
