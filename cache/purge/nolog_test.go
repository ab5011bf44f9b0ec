package purge

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goWithoutLog is the configuration of a clock that goes without the log of cfg.
func goWithoutLog(cfg Config) Config {
	cfg.Dir = ""
	return cfg
}

// The next Open does not carry on a log that a clock went without: it lacks the
// purges of that run, and the disk cache of before is void from the start.
func TestAClockWithoutLogVoidsTheOldCache(t *testing.T) {
	for _, purged := range []bool{true, false} {
		cfg := config(t, t.TempDir())
		log, _, states := sample(t, cfg)
		c := open(t, goWithoutLog(cfg))
		if purged {
			do(t, c, Soft, Target{Tag, "a"})
			do(t, c, Soft, Target{Tag, "a"})
		}
		closeClock(t, c)
		renewed(t, cfg, states[0].ID(), log, "purged", purged)
		again := open(t, cfg)
		if again.isFresh() || again.ID() == c.ID() {
			t.Errorf("purged %v: the new log is not carried on: %q", purged, again.reason())
		}
	}
}

// The process that has the log goes on with it, and its cache stays valid. That
// of the other process is void at each start.
func TestAClockWithoutLogBesideTheOneThatHasIt(t *testing.T) {
	cfg := config(t, t.TempDir())
	has := open(t, cfg)
	do(t, has, Hard, Target{Tag, "a"})
	other := config(t, t.TempDir())
	for range 3 {
		c := open(t, goWithoutLog(other))
		do(t, c, Hard, Target{Tag, "b"})
		do(t, has, Hard, Target{Tag, "a"})
		id := has.ID()
		closeClock(t, has)
		if has = open(t, cfg); has.isFresh() || has.ID() != id {
			t.Errorf("not carried on: %q", has.reason())
		}
		if w, err := readCheckpoint(other.Checkpoint); err != nil || w.id != c.ID() {
			t.Errorf("the checkpoint of the other one is %+v, %v", w, err)
		}
	}
}

// A crash anywhere while the log is replaced leaves the old log out.
func TestACrashWhileAVoidLogIsReplaced(t *testing.T) {
	cfg := config(t, t.TempDir())
	log, _, states := sample(t, cfg)
	closeClock(t, open(t, goWithoutLog(cfg)))
	void := get(t, cfg.Checkpoint)
	for what, crash := range map[string]func(){
		"before anything":      func() {},
		"the log is put aside": func() { put(t, cfg.logFile(), nil) },
		"a new one is begun":   func() { put(t, cfg.logFile()+".new", log[:20]) },
	} {
		put(t, cfg.logFile(), log)
		put(t, cfg.Checkpoint, void)
		crash()
		renewed(t, cfg, states[0].ID(), nil, what)
	}
}

// A purge is refused where what it names could come back.
func TestAClockThatCannotVoidTheOldCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, []byte("x"))
	// A name that is too long for any file.
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 300))
	cfg := config(t, t.TempDir())
	log, checkpoint, states := sample(t, cfg)
	for _, tc := range []struct {
		what string
		cfg  Config
		want error
	}{
		{"no disk at all", Config{}, nil},
		{"a cache of another process", Config{RefusePurges: true}, ErrNoLog},
		{"a checkpoint in no folder", Config{Checkpoint: filepath.Join(file, "w")}, ErrNoLog},
		{"a checkpoint with a name too long", Config{Checkpoint: long}, ErrNoLog},
		{"a checkpoint", goWithoutLog(cfg), nil},
	} {
		c := open(t, tc.cfg)
		if _, err := c.Purge(Hard, []Target{{Tag, "a"}}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.what, err)
		}
		if hard, _ := c.Last(Scope{Tags: []string{"a"}}); hard != c.Applied() || (hard == 0) != (tc.want != nil) {
			t.Errorf("%s: at %d, applied %d", tc.what, c.Applied(), hard)
		}
		if tc.want != nil && (!bytes.Equal(get(t, cfg.logFile()), log) ||
			!bytes.Equal(get(t, cfg.Checkpoint), checkpoint)) {
			t.Errorf("%s: it changed what it refused to", tc.what)
		}
	}
	renewed(t, cfg, states[0].ID(), log, "void")
}

// A clock whose checkpoint could not be written at its start writes it at the first
// purge that finds it writable, and purges from then on.
func TestACheckpointThatCanBeWrittenLater(t *testing.T) {
	cfg := config(t, t.TempDir())
	log, _, states := sample(t, cfg)
	in := goWithoutLog(cfg)
	if err := os.Rename(filepath.Dir(cfg.Checkpoint), filepath.Dir(cfg.Checkpoint)+".away"); err != nil {
		t.Fatal(err)
	}
	c := open(t, in)
	if _, err := c.Purge(Hard, []Target{{Tag, "a"}}); !errors.Is(err, ErrNoLog) {
		t.Errorf("purged: %v", err)
	}
	if err := os.Rename(filepath.Dir(cfg.Checkpoint)+".away", filepath.Dir(cfg.Checkpoint)); err != nil {
		t.Fatal(err)
	}
	if seq := do(t, c, Hard, Target{Tag, "a"}); seq != 1 {
		t.Errorf("purge %d", seq)
	}
	renewed(t, cfg, states[0].ID(), log, "void later")
}

// While the disk of the checkpoint hangs, a clock without log refuses to purge.
func TestAClockWithoutLogAndACheckpointThatHangs(t *testing.T) {
	cfg := config(t, t.TempDir())
	_, _, states := sample(t, cfg)
	in := goWithoutLog(cfg)
	in.Checkpoint = filepath.Join(filepath.Dir(cfg.Checkpoint), "not", "there") // cannot be written by Open
	c := open(t, in)
	answers := make(chan struct{})
	c.checkpoint.store = func(w checkpoint) error {
		<-answers
		return w.writeFile(cfg.Checkpoint, true)
	}
	for range 2 { // the second one does not wait for the first
		if _, err := c.Purge(Hard, []Target{{Tag, "a"}}); !errors.Is(err, ErrNoLog) {
			t.Errorf("purged: %v", err)
		}
	}
	if w, err := readCheckpoint(cfg.Checkpoint); err != nil || w.id != states[0].ID() || c.Applied() != 0 {
		t.Errorf("%+v, %v, at %d", w, err, c.Applied())
	}
	close(answers)
	c.checkpoint.busy <- struct{}{} // it is done
	<-c.checkpoint.busy
	do(t, c, Hard, Target{Tag, "a"})
	renewed(t, cfg, states[0].ID(), nil, "void")
}

// While the disk of the log hangs, each purge returns. The one that was under way
// takes effect when its write ends, in memory as in the log.
func TestAPurgeOfALogThatHangs(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.timeout = time.Second / 20
	c := open(t, cfg)
	slow := &faultyFile{logHandle: c.log.f, syncing: make(chan struct{}), synced: make(chan struct{})}
	c.log.f = slow
	first := make(chan error, 1)
	go func() {
		_, err := c.Purge(Hard, []Target{{Tag, "a"}})
		first <- err
	}()
	<-slow.syncing
	if err := <-first; !errors.Is(err, ErrStalled) {
		t.Errorf("the one under way: %v", err)
	}
	if _, err := c.Purge(Hard, []Target{{Tag, "b"}}); !errors.Is(err, ErrStalled) {
		t.Errorf("the next one: %v", err)
	}
	if c.Applied() != 0 {
		t.Errorf("applied before it was on disk: at %d", c.Applied())
	}
	close(slow.synced)
	c.writing <- struct{}{} // it is done
	c.log.f = slow.logHandle
	<-c.writing
	if hard, _ := c.Last(Scope{Tags: []string{"a"}}); hard != 1 || c.Applied() != 1 {
		t.Errorf("the log has it, the clock does not: %d, at %d", hard, c.Applied())
	}
	c.cfg.timeout = time.Minute
	if seq := do(t, c, Hard, Target{Tag, "b"}); seq != 2 {
		t.Errorf("goes on with %d", seq)
	}
	closeClock(t, c)
	same(t, open(t, cfg), c)
}

// Links that somebody has put where files are made are not followed.
func TestPlantedLinks(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	put(t, victim, []byte("dear"))
	cfg := config(t, t.TempDir())
	plant := func(name string) {
		if err := os.Symlink(victim, name); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, cfg)
	plant(cfg.Checkpoint + ".new")
	plant(cfg.logFile() + ".new")
	do(t, c, Hard, Target{Tag, "a"})
	c.compactLog()
	closeClock(t, c)
	if w, err := readCheckpoint(cfg.Checkpoint); err != nil || w.seq != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	if again := open(t, cfg); again.isFresh() {
		t.Error(again.reason())
	}
	plant(cfg.Checkpoint + ".new")
	do(t, open(t, goWithoutLog(cfg)), Hard, Target{Tag, "a"})
	if got := get(t, victim); !bytes.Equal(got, []byte("dear")) {
		t.Errorf("overwrote it: %q", got)
	}
}

// A checkpoint is what was written, or none.
func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte("pictor-purge-witness 1 x 1"))
	f.Add(checkpoint{strings.Repeat("0f", 16), 7}.encodeLine())
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := parseCheckpoint(b); err == nil && !bytes.Equal(w.encodeLine(), b) {
			t.Errorf("%q is taken for %+v", b, w)
		}
	})
}
