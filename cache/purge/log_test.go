package purge

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// put replaces a file, or removes it where there is nothing to put.
func put(t testing.TB, path string, b []byte) {
	t.Helper()
	err := os.RemoveAll(path)
	if b != nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample leaves a log with a snapshot and what came after it. want is a clock
// in memory with the same state after each purge.
func sample(t testing.TB, cfg Config) (log, checkpoint []byte, states []*Clock) {
	t.Helper()
	c := open(t, cfg)
	purges := [][]Target{
		{{Tag, "one"}, {Prefix, "https://h/a/"}}, {{Kind: All}},
		{{URL, "https://h/a b"}}, {{Tag, "two"}, {Host, "h"}, {Source, "s\\ \"\xff"}}, {{Tag, "one"}},
	}
	model := open(t, Config{MaxExact: cfg.MaxExact, MaxPrefixes: cfg.MaxPrefixes})
	for i, targets := range purges {
		if i == 2 {
			closeClock(t, c)
			c = open(t, cfg)
		}
		do(t, c, Mode(i%2), targets...)
		do(t, model, Mode(i%2), targets...)
		model.id = c.ID()
		copied := open(t, Config{})
		copied.id = c.ID()
		for _, l := range model.state.snapshot() {
			if !copied.state.restoreLine(l) {
				t.Fatalf("%+v is no line of a snapshot", l)
			}
			copied.applied.Store(l.seq)
		}
		states = append(states, copied)
	}
	closeClock(t, c)
	return get(t, cfg.logFile()), get(t, cfg.Checkpoint), states
}

// renewed fails unless Open began another log, and kept the old one.
func renewed(t testing.TB, cfg Config, oldID string, log []byte, what ...any) {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(what, err)
	}
	defer c.Close()
	if !c.isFresh() || c.reason() == "" || c.ID() == oldID || c.Applied() != 0 {
		t.Errorf("%v: carried on: %v, %q, %d", what, c.isFresh(), c.reason(), c.Applied())
	}
	if log != nil && !bytes.Equal(get(t, filepath.Join(cfg.Dir, brokenName)), log) {
		t.Errorf("%v: the old log was not kept", what)
	}
}

func TestReopen(t *testing.T) {
	for _, limits := range []Config{{}, {MaxExact: 3, MaxPrefixes: 1}} {
		cfg := config(t, t.TempDir())
		cfg.MaxExact, cfg.MaxPrefixes = limits.MaxExact, limits.MaxPrefixes
		log, _, states := sample(t, cfg)
		if !bytes.HasPrefix(log, []byte("pictor-purge-log 1 "+states[0].ID())) {
			t.Errorf("log is %s", log)
		}
		for range 3 { // the first one compacts, the others read what was compacted
			c := open(t, cfg)
			same(t, c, states[4])
			if c.isFresh() || c.reason() != "" {
				t.Errorf("fresh: %s", c.reason())
			}
			s := c.Stats()
			if s.LogBytes != int64(len(get(t, cfg.logFile()))) || s.Sequence != 5 || s.Folded != 0 || s.Purges != 0 {
				t.Errorf("%+v", s)
			}
			closeClock(t, c)
		}
		c := open(t, cfg)
		if seq := do(t, c, Hard, Target{Tag, "new"}); seq != 6 {
			t.Errorf("goes on with %d", seq)
		}
	}
}

func TestEveryByteOfTheLogCounts(t *testing.T) {
	cfg := config(t, t.TempDir())
	log, checkpoint, states := sample(t, cfg)
	for i := range log {
		bad := bytes.Clone(log)
		bad[i] ^= [...]byte{0x01, 0x20, 0x80, 0xff}[i%4]
		put(t, cfg.logFile(), bad)
		put(t, cfg.Checkpoint, checkpoint)
		renewed(t, cfg, states[0].ID(), bad, "byte", i)
	}
}

func TestLogCutOff(t *testing.T) {
	cfg := config(t, t.TempDir())
	log, checkpoint, states := sample(t, cfg)
	for n := range log {
		put(t, cfg.logFile(), log[:n])
		put(t, cfg.Checkpoint, checkpoint)
		renewed(t, cfg, states[0].ID(), log[:n], "cut to", n)
	}
	// Without a checkpoint a log may end after a purge, nowhere else.
	carriedOn := 0
	for n := range len(log) + 1 {
		put(t, cfg.logFile(), log[:n])
		put(t, cfg.Checkpoint, nil)
		c, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if c.ID() == states[0].ID() {
			same(t, c, states[c.Applied()-1])
			carriedOn++
		}
		c.Close()
	}
	if carriedOn != 4 { // after the snapshot, and after each of three purges
		t.Errorf("carried on %d times", carriedOn)
	}
}

func TestLogAndCheckpoint(t *testing.T) {
	cfg := config(t, t.TempDir())
	log, checkpoint, states := sample(t, cfg)
	id := states[0].ID()
	older, olderCheckpoint, _ := sample(t, config(t, t.TempDir()))
	c := open(t, cfg)
	do(t, c, Hard, Target{Tag, "later"})
	closeClock(t, c)
	later, laterCheckpoint := get(t, cfg.logFile()), get(t, cfg.Checkpoint)

	for _, tc := range []struct {
		what            string
		log, checkpoint []byte
		ok              bool
	}{
		{"as it was", log, checkpoint, true},
		{"compacted", later, laterCheckpoint, true},
		{"no checkpoint", log, nil, true},
		{"killed before the checkpoint was written", later, checkpoint, true},
		{"nothing", nil, nil, false},
		{"lost log", nil, checkpoint, false},
		{"lost log, garbage", nil, []byte("x"), false},
		{"log put back", log, laterCheckpoint, false},
		{"checkpoint of another log", log, olderCheckpoint, false},
		{"log of another checkpoint", older, checkpoint, false},
		{"empty checkpoint", log, []byte{}, false},
		{"long checkpoint", log, append(bytes.Clone(checkpoint), bytes.Repeat([]byte("x"), 500)...), false},
		{"empty log", []byte{}, checkpoint, false},
		{"another version", bytes.Replace(log, []byte("log 1"), []byte("log 2"), 1), checkpoint, false},
		{"endless line", bytes.Repeat([]byte("x"), 1<<20), checkpoint, false},
	} {
		put(t, cfg.logFile(), tc.log)
		put(t, cfg.Checkpoint, tc.checkpoint)
		put(t, filepath.Join(cfg.Dir, brokenName), nil)
		c := open(t, cfg)
		if c.isFresh() == tc.ok || (c.ID() == id) != tc.ok || (c.reason() == "") != (tc.ok || tc.what == "nothing") {
			t.Errorf("%s: fresh is %v: %s", tc.what, c.isFresh(), c.reason())
		}
		if tc.ok && c.Applied() < 5 || !tc.ok && c.Applied() != 0 {
			t.Errorf("%s: at %d", tc.what, c.Applied())
		}
		again := c.ID()
		closeClock(t, c)
		if c = open(t, cfg); c.isFresh() || c.ID() != again {
			t.Errorf("%s: the log that followed was not carried on: %s", tc.what, c.reason())
		}
		closeClock(t, c)
	}
	for i := range checkpoint {
		bad := bytes.Clone(checkpoint)
		bad[i] ^= 1
		put(t, cfg.logFile(), log)
		put(t, cfg.Checkpoint, bad)
		renewed(t, cfg, id, log, "byte of the checkpoint", i)
	}
}

func TestInUse(t *testing.T) {
	cfg := config(t, t.TempDir())
	c := open(t, cfg)
	do(t, c, Soft, Target{Kind: All})
	if _, err := Open(cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	do(t, c, Soft, Target{Kind: All})
	closeClock(t, c)
	closeClock(t, c)
	same(t, open(t, cfg), c)
}

func TestFolderOfNoUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	put(t, path, []byte("x"))
	if _, err := Open(Config{Dir: path}); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("%v", err)
	}
	if _, err := Open(Config{Dir: filepath.Join(path, "sub")}); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v", err)
	}
	// A file that cannot be put aside: it would be found again.
	dir := t.TempDir()
	for _, p := range []string{logName, filepath.Join(brokenName, "x")} {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the lock is let go of
		if _, err := Open(Config{Dir: dir}); err == nil || errors.Is(err, ErrInUse) {
			t.Errorf("%v", err)
		}
	}
}

func TestCheckpointThatCannotBeWritten(t *testing.T) {
	cfg := config(t, t.TempDir())
	var said bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
	cfg.Checkpoint = filepath.Join(cfg.Dir, "not", "there")
	c := open(t, cfg)
	do(t, c, Hard, Target{Tag, "t"})
	do(t, c, Hard, Target{Tag, "t"})
	closeClock(t, c)
	if n := strings.Count(said.String(), "checkpoint"); n != 1 {
		t.Errorf("said %d times: %s", n, said.String())
	}
	same(t, open(t, cfg), c)
}
