package purge

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// model is the plain list of all purges.
type model []logLine

func (m model) last(s Scope) (hard, soft uint64) {
	for _, l := range m {
		var named bool
		switch l.Kind {
		case All:
			named = true
		case Host:
			named = slices.Contains(s.Hosts, l.Value)
		case Prefix:
			named = strings.HasPrefix(s.Source, l.Value)
		case Source:
			named = s.Source == l.Value
		case Tag:
			named = slices.Contains(s.Tags, l.Value)
		case URL:
			named = s.URL == l.Value
		}
		if named && l.mode == Hard {
			hard = l.seq
		} else if named {
			soft = l.seq
		}
	}
	return hard, soft
}

var (
	someWord   = rapid.StringMatching(`[ab]{1,3}`)
	someSource = rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"https://h/", "https://i/", "s3://h/", "local:///"}).Draw(t, "site") +
			rapid.StringMatching(`([ab]/?){0,3}`).Draw(t, "path")
	})
	someTarget = rapid.Custom(func(t *rapid.T) Target {
		kinds := []Kind{All, Host, Prefix, Source, Tag, URL, Host, Prefix, Source, Tag, URL, Prefix, Tag}
		k := rapid.SampledFrom(kinds).Draw(t, "kind")
		switch k {
		case All:
			return Target{Kind: k}
		case Prefix, Source:
			return Target{k, someSource.Draw(t, "value")}
		}
		return Target{k, someWord.Draw(t, "value")}
	})
	someScope = rapid.Custom(func(t *rapid.T) Scope {
		return Scope{
			URL: someWord.Draw(t, "url"), Source: someSource.Draw(t, "source"),
			Hosts: rapid.SliceOfN(someWord, 0, 2).Draw(t, "hosts"),
			Tags:  rapid.SliceOfN(someWord, 0, 3).Draw(t, "tags"),
		}
	})
)

// Whatever is purged, and however often the clock is opened anew: never less
// than was named, and nothing else as long as nothing was folded.
func TestProperty(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cfg := config(t, dir)
		cfg.MaxExact = rapid.SampledFrom([]int{1, 2, 8, 1000}).Draw(rt, "exact")
		cfg.MaxPrefixes = rapid.SampledFrom([]int{1, 2, 1000}).Draw(rt, "prefixes")
		put(t, cfg.logFile(), nil)
		put(t, cfg.Checkpoint, nil)
		c := open(t, cfg)
		defer func() { c.Close() }()
		var all model
		var folded uint64
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			targets := rapid.SliceOfN(someTarget, 1, 4).Draw(rt, "targets")
			mode := rapid.SampledFrom([]Mode{Soft, Hard}).Draw(rt, "mode")
			seq := do(t, c, mode, targets...)
			for _, target := range targets {
				all = append(all, logLine{seq: seq, mode: mode, Target: target})
			}
			if rapid.IntRange(0, 9).Draw(rt, "without the log") == 0 {
				old, carriedOn := c, false
				if c, carriedOn = withoutLog(t, rt, c); carriedOn {
					folded += old.Stats().Folded
				} else {
					all, folded = nil, 0
				}
			}
			if rapid.IntRange(0, 4).Draw(rt, "reopen") == 0 {
				folded += c.Stats().Folded
				closeClock(t, c)
				old := c
				c = open(t, cfg)
				same(t, c, old)
			}
			for range 5 {
				scope := someScope.Draw(rt, "scope")
				hard, soft := c.Last(scope)
				wantHard, wantSoft := all.last(scope)
				exact := folded+c.Stats().Folded == 0
				if hard < wantHard || soft < wantSoft || exact && (hard != wantHard || soft != wantSoft) {
					rt.Fatalf("%+v: %d, %d; want %d, %d, exact %v", scope, hard, soft, wantHard, wantSoft, exact)
				}
			}
		}
	})
}

// withoutLog is a run of a clock that goes without the log, beside the clock that
// has it or after its end. Without a checkpoint it refuses to purge, and the log is
// carried on. With one, the next clock has neither the identity of the log nor
// that of the run.
func withoutLog(t *testing.T, rt *rapid.T, c *Clock) (next *Clock, carriedOn bool) {
	cfg, in := c.cfg, goWithoutLog(c.cfg)
	overlaps := rapid.Bool().Draw(rt, "overlaps")
	refuses := overlaps || rapid.Bool().Draw(rt, "no checkpoint")
	if refuses {
		in.Checkpoint, in.RefusePurges = "", true
	}
	if !overlaps {
		closeClock(t, c)
	}
	without := open(t, in)
	mode := rapid.SampledFrom([]Mode{Soft, Hard}).Draw(rt, "mode without the log")
	_, err := without.Purge(mode, []Target{someTarget.Draw(rt, "target")})
	if errors.Is(err, ErrNoLog) != refuses || !refuses && err != nil {
		rt.Fatalf("without the log: %v", err)
	}
	closeClock(t, c)
	closeClock(t, without)
	next = open(t, cfg)
	if refuses {
		same(t, next, c)
		return next, true
	}
	if !next.isFresh() || next.ID() == c.ID() || next.ID() == without.ID() || next.Applied() != 0 {
		rt.Fatalf("carried on %s, which missed a purge", c.ID())
	}
	return next, false
}

// sealed gives each line the checksum that it would have, so that a fuzzer
// comes past the checksums.
func sealed(id string, b []byte) []byte {
	var out []byte
	var sum uint64
	for l := range bytes.SplitSeq(b, []byte("\n")) {
		start := len(out)
		out = append(out, bytes.Replace(l, []byte("ID"), []byte(id), 1)...)
		out, sum = sealLine(out, start, sum)
	}
	return out
}

// Lines with the right checksums, and what is wrong with them all the same.
func TestLogsThatAreRefused(t *testing.T) {
	id := strings.Repeat("0f", 16)
	for _, tc := range []struct {
		snapshot int
		lines    string
		want     error
	}{
		{0, "1 0 hard tag 1 \"a\"|1 0 hard tag 0 \"b\"|2 0 soft all 0 \"\"", nil},
		{2, "5 0 hard digest 0 \"" + id + "\"|9 0 soft slot 0 \"00ff\"|10 0 hard url 0 \"u\"", nil},
		{0, "2 0 hard tag 0 \"a\"", errOrder},
		{0, "1 0 hard tag 0 \"a\"|1 0 hard tag 0 \"a\"", errOrder},
		{0, "1 0 hard tag 0 \"a\"|3 0 hard tag 0 \"a\"", errOrder},
		{0, "1 0 hard tag 1 \"a\"|2 0 hard tag 0 \"a\"", errOrder},
		{0, "1 0 hard tag 2 \"a\"|1 0 hard tag 0 \"a\"", errOrder},
		{0, "1 0 hard tag 1 \"a\"", errTorn},
		{2, "5 0 hard all 0 \"\"", errTorn},
		{2, "5 0 hard all 0 \"\"|4 0 soft all 0 \"\"", errOrder},
		{1, "0 0 hard all 0 \"\"", errOrder},
		{1, "1 0 hard all 1 \"\"", errOrder},
		{1, "1 0 hard tag 0 \"a\"", errLine},
		{1, "1 0 hard site 0 \"s://h/\"", errLine},
		{1, "1 0 hard prefix 0 \"a\"", errLine},
		{1, "1 0 hard digest 0 \"" + id + "0f\"", errLine},
		{1, "1 0 hard digest 0 \"x" + id[1:] + "\"", errLine},
		{1, "1 0 hard slot 0 \"10000\"", errLine},
		{0, "1 0 hard slot 0 \"0000\"", errLine},
		{0, "1 0 hard tag 0 \"\"", errLine},
		{0, "1 0 hard tag 0 \"\\n\"", errLine},
		{0, "1 0 hard tag 0 a", errLine},
		{0, "1 0 hard tag 0", errLine},
		{0, "1 0 weak tag 0 \"a\"", errLine},
		{0, "1 0 hard name 0 \"a\"", errLine},
		{0, "1 0 hard tag -1 \"a\"", errLine},
		{0, "-1 0 hard tag 0 \"a\"", errLine},
		{0, "9223372036854775808 0 hard tag 0 \"a\"", errLine},
		{0, "1 now hard tag 0 \"a\"", errLine},
	} {
		log := sealed(id, []byte(logHeader(id, tc.snapshot)+"\n"+strings.ReplaceAll(tc.lines, "|", "\n")))
		if _, _, err := readLog(bytes.NewReader(log), newState(9, 9)); !errors.Is(err, tc.want) {
			t.Errorf("%d, %s: %v, want %v", tc.snapshot, tc.lines, err, tc.want)
		}
	}
	// A line that is right in itself, after another one than it was written after.
	one := sealed(id, []byte(logHeader(id, 0)+"\n1 0 hard tag 0 \"a\"\n2 0 hard tag 0 \"x\""))
	other := sealed(id, []byte(logHeader(id, 0)+"\n1 0 hard tag 0 \"b\"\n2 0 hard tag 0 \"x\""))
	at := bytes.LastIndexByte(one[:len(one)-1], '\n')
	mixed := append(bytes.Clone(one[:at]), other[at:]...)
	if _, _, err := readLog(bytes.NewReader(mixed), newState(9, 9)); !errors.Is(err, errChecksum) {
		t.Errorf("mixed lines: %v", err)
	}
}

// Whatever is there as a log: it is another one, or it is what was read.
func FuzzLog(f *testing.F) {
	id := strings.Repeat("0f", 16)
	for _, l := range []string{
		"", "x", logHeader("ID", 0), logHeader("ID", 1), logHeader("ID", -1), logHeader(strings.ToUpper(id), 0),
		logHeader("ID", 0) + "\n1 0 hard tag 1 \"a\"\n1 0 soft prefix 0 \"s://h/\"\n2 0 hard all 0 \"\"",
		logHeader("ID", 3) + "\n4 0 hard digest 0 \"" + id + "\"\n7 0 soft slot 0 \"00ff\"" +
			"\n7 0 soft prefix 0 \"s://h/\"\n8 0 hard url 0 \"u\"",
		logHeader("ID", 0) + "\n2 0 hard tag 0 \"a\"",
		logHeader("ID", 0) + "\n1 0 hard tag 1 \"a\"",
		logHeader("ID", 1) + "\n1 0 hard site 0 \"a\"",
		logHeader("ID", 0) + "\n1 0 hard digest 0 \"" + id + "\"",
		logHeader("ID", 1) + "\n9223372036854775807 0 hard all 0 \"\"",
	} {
		f.Add([]byte(l), true)
		f.Add(sealed(id, []byte(l)), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, seals bool) {
		if seals {
			b = sealed(id, b)
		}
		cfg := Config{Dir: t.TempDir(), MaxExact: 3, MaxPrefixes: 2}
		put(t, cfg.logFile(), b)
		c := open(t, cfg)
		_, err := os.Stat(filepath.Join(cfg.Dir, brokenName))
		if aside := !errors.Is(err, os.ErrNotExist); c.isFresh() != aside || aside == (c.reason() == "") {
			t.Errorf("fresh is %v, %q; put aside: %v", c.isFresh(), c.reason(), err)
		}
		for range 2 {
			closeClock(t, c)
			again := open(t, cfg)
			if again.isFresh() {
				t.Fatal(again.reason())
			}
			same(t, again, c)
			c = again
			if c.Applied() < 1<<62 { // further than any clock comes
				do(t, c, Hard, Target{Tag, "t"})
			}
		}
	})
}
