package purge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, cfg Config) *Clock {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// config has its log in one folder of dir and its checkpoint in another.
func config(t testing.TB, dir string) Config {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Config{Dir: filepath.Join(dir, "log"), Checkpoint: filepath.Join(dir, "cache", "checkpoint")}
}

// isFresh says whether Open began another log.
func (c *Clock) isFresh() bool { return c.begun != nil }

// reason is why a log was not continued; "" where it was, and where there was none.
func (c *Clock) reason() string {
	if c.begun == nil || errors.Is(c.begun, errNoLogYet) {
		return ""
	}
	return c.begun.Error()
}

func (c Config) logFile() string { return filepath.Join(c.Dir, logName) }

func do(t testing.TB, c *Clock, mode Mode, targets ...Target) uint64 {
	t.Helper()
	r, err := c.Purge(mode, targets)
	if err != nil {
		t.Fatal(err)
	}
	return r.Sequence
}

func closeClock(t testing.TB, c *Clock) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// same fails unless two clocks say the same of everything.
func same(t testing.TB, got, want *Clock) {
	t.Helper()
	if got.ID() != want.ID() || got.Applied() != want.Applied() {
		t.Fatalf("%s at %d, want %s at %d", got.ID(), got.Applied(), want.ID(), want.Applied())
	}
	if g, w := got.state.snapshot(), want.state.snapshot(); !reflect.DeepEqual(g, w) {
		t.Fatalf("state is %v, want %v", g, w)
	}
}

func TestLast(t *testing.T) {
	scope := Scope{
		URL: "https://img.example/w:10/plain/a", Source: "https://src.example/dir/a b.jpg",
		Hosts: []string{"src.example", "src.example:443"}, Tags: []string{"one", "two", "three"},
	}
	local := Scope{URL: "u", Source: "local:///dir/a.jpg"}
	bare := Scope{}
	for _, tc := range []struct {
		target Target
		scope  Scope
		named  bool
	}{
		{Target{Kind: All}, scope, true},
		{Target{Kind: All}, local, true},
		{Target{Kind: All}, bare, true},
		{Target{Host, "src.example"}, scope, true},
		{Target{Host, "src.example:443"}, scope, true},
		{Target{Host, "src.exampl"}, scope, false},
		{Target{Host, "src.example"}, local, false},
		{Target{Host, "one"}, scope, false},
		{Target{Prefix, "https://src.example/"}, scope, true},
		{Target{Prefix, "https://src.example/di"}, scope, true},
		{Target{Prefix, "https://src.example/dir/a b.jpg"}, scope, true},
		{Target{Prefix, "https://src.example/dir/a b.jpg2"}, scope, false},
		{Target{Prefix, "https://src.example/Dir/"}, scope, false},
		{Target{Prefix, "http://src.example/"}, scope, false},
		{Target{Prefix, "https://img.example/"}, scope, false},
		{Target{Prefix, "local:///"}, local, true},
		{Target{Prefix, "local:///dir/"}, local, true},
		{Target{Prefix, "local:///dirs/"}, local, false},
		{Target{Prefix, "local:///"}, scope, false},
		{Target{Prefix, "local:///"}, bare, false},
		{Target{Source, scope.Source}, scope, true},
		{Target{Source, "https://src.example/dir/"}, scope, false},
		{Target{Source, scope.URL}, scope, false},
		{Target{Tag, "one"}, scope, true},
		{Target{Tag, "three"}, scope, true},
		{Target{Tag, "four"}, scope, false},
		{Target{Tag, "src.example"}, scope, false},
		{Target{Tag, "one"}, local, false},
		{Target{URL, scope.URL}, scope, true},
		{Target{URL, scope.Source}, scope, false},
		{Target{URL, "u"}, local, true},
		{Target{URL, "u"}, bare, false},
	} {
		for _, mode := range []Mode{Soft, Hard} {
			c := open(t, Config{})
			do(t, c, mode, Target{Tag, "other"}, Target{Prefix, "https://src.example/other"})
			seq := do(t, c, mode, Target{URL, "other"}, tc.target)
			var want seqPair
			if tc.named {
				want = seqPairOf(mode, seq)
			}
			if hard, soft := c.Last(tc.scope); (seqPair{hard, soft}) != want || seq != 2 {
				t.Errorf("%v %v, %+v: %d, %d, want %v", mode, tc.target, tc.scope, hard, soft, want)
			}
		}
	}
}

// The newest of each mode counts, whatever named the scope.
func TestLastTakesTheNewest(t *testing.T) {
	c := open(t, Config{})
	scope := Scope{URL: "u", Source: "s3://b/dir/k", Hosts: []string{"b"}, Tags: []string{"t"}}
	for i, target := range []Target{
		{Tag, "t"}, {URL, "u"}, {Prefix, "s3://b/"}, {Source, "s3://b/dir/k"}, {Prefix, "s3://b/dir/"},
		{Host, "b"}, {Kind: All}, {Tag, "t"},
	} {
		for j, mode := range []Mode{Hard, Soft} {
			before, soft := c.Last(scope)
			seq := do(t, c, mode, target)
			if mode == Hard {
				before = seq
			} else {
				soft = seq
			}
			if h, s := c.Last(scope); h != before || s != soft || seq != uint64(2*i+j+1) {
				t.Errorf("after %v %v with %d: %d, %d; want %d, %d", mode, target, seq, h, s, before, soft)
			}
		}
	}
}

func TestBadTargets(t *testing.T) {
	c := open(t, config(t, t.TempDir()))
	long := strings.Repeat("x", maxValue-len("s://h/"))
	for _, bad := range [][]Target{
		{}, {{}}, {{Kind: site, Value: "https://h/"}}, {{Kind: slotLine, Value: "0000"}}, {{Kind: 200, Value: "x"}},
		{{All, "x"}}, {{Host, ""}}, {{Prefix, ""}}, {{Source, ""}}, {{Tag, ""}}, {{URL, ""}},
		{{Tag, "a\nb"}}, {{Tag, "\x00"}}, {{Tag, "a\x7f"}}, {{URL, "a\u0085"}}, {{Source, "s://h/" + long + "x"}},
		{{Prefix, "https://host"}}, {{Prefix, "https:///x"}}, {{Prefix, "host/x"}}, {{Prefix, "://host/"}},
		{{Prefix, "a b://host/"}}, {{Prefix, "/x://h/"}},
		{{Tag, "good"}, {Tag, ""}},
	} {
		if _, err := c.Purge(Soft, bad); !errors.Is(err, ErrBadTarget) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := c.Purge(Hard+1, []Target{{Tag, "t"}}); !errors.Is(err, ErrBadTarget) {
		t.Errorf("unknown mode: %v", err)
	}
	if hard, soft := c.Last(Scope{Tags: []string{"good"}}); hard != 0 || soft != 0 || c.Applied() != 0 {
		t.Errorf("a bad purge was applied: %d, %d", hard, soft)
	}
	if _, err := c.Purge(Hard, []Target{{Prefix, ""}}); !strings.Contains(fmt.Sprint(err), "prefix") {
		t.Errorf("%v", err)
	}
	_, err := c.Purge(Hard, []Target{{Prefix, "x"}})
	if !strings.Contains(fmt.Sprint(err), "scheme://host/ or local:///") {
		t.Errorf("%v", err)
	}
	do(t, c, Hard, Target{Source, "s://h/" + long}, Target{Prefix, "s://h/" + long}, Target{Tag, "\xff \"q\" \\ ü"})
}

func TestNames(t *testing.T) {
	var kinds []string
	for k := All; k <= URL; k++ {
		kinds = append(kinds, k.String())
	}
	got := strings.Join(append(kinds, Soft.String(), Hard.String()), " ")
	if got != "all host prefix source tag url soft hard" {
		t.Error(got)
	}
}

func TestMemoryAlone(t *testing.T) {
	c := open(t, Config{})
	other := open(t, Config{})
	if !isID(c.ID()) || c.ID() == other.ID() || !c.isFresh() || c.reason() != "" {
		t.Errorf("%q, %q, %v, %q", c.ID(), other.ID(), c.isFresh(), c.reason())
	}
	before := time.Now()
	r, err := c.Purge(Hard, []Target{{Tag, "t"}})
	if err != nil || r.Sequence != 1 || r.Applied.Before(before) {
		t.Errorf("%+v, %v", r, err)
	}
	if s := c.Stats(); s != (Stats{Sequence: 1, Targets: 1, Purges: 1}) {
		t.Errorf("%+v", s)
	}
	closeClock(t, c)
	if _, err := c.Purge(Hard, []Target{{Tag, "t"}}); !errors.Is(err, ErrLog) {
		t.Errorf("after Close: %v", err)
	}
	if hard, _ := c.Last(Scope{Tags: []string{"t"}}); hard != 1 {
		t.Errorf("after Close: %d", hard)
	}
}

// Once Purge has returned, and once Applied has its sequence, every Last has it.
func TestConcurrent(t *testing.T) {
	c := open(t, config(t, t.TempDir()))
	var acknowledged [3]atomic.Uint64
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range acknowledged {
		tag := fmt.Sprint("tag ", i)
		writers.Go(func() {
			for range 50 {
				acknowledged[i].Store(do(t, c, Hard, Target{Tag, tag}, Target{Prefix, "s://every/"}))
			}
		})
		readers.Go(func() {
			for n := 0; ; n++ {
				applied, sure := c.Applied(), acknowledged[i].Load()
				hard, _ := c.Last(Scope{Tags: []string{tag}})
				every, _ := c.Last(Scope{Source: "s://every/one"})
				if hard < sure || every < applied {
					t.Errorf("Last is %d after %d, and %d after %d", hard, sure, every, applied)
				}
				if s := c.Stats(); s.Sequence != s.Purges || s.Purges < applied {
					t.Errorf("after %d: %+v", applied, s)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if c.Applied() != 150 {
		t.Errorf("%d applied", c.Applied())
	}
}

// What counts by a sequence that the clock has not come to is not valid.
func TestSince(t *testing.T) {
	c := open(t, Config{})
	do(t, c, Hard, Target{Tag, "a"})
	do(t, c, Soft, Target{Tag, "a"})
	scope := Scope{Tags: []string{"a"}}
	for seq := range uint64(3) {
		if hard, soft := c.Since(seq, scope); hard != 1 || soft != 2 {
			t.Errorf("since %d: %d and %d", seq, hard, soft)
		}
	}
	if hard, _ := c.Since(3, Scope{}); hard <= 3 {
		t.Errorf("since 3, of a clock at 2: %d", hard)
	}
}
