package purge

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// instead is a clock in memory that stands in for the log of cfg.
func instead(cfg Config) Config {
	cfg.StandsIn, cfg.Dir = cfg.Dir, ""
	return cfg
}

// What was purged without the log is not in it, so the log is not carried on.
func TestAClockThatStandsIn(t *testing.T) {
	for _, tc := range []struct {
		what              string
		witnessed, purged bool
	}{
		{"with a witness", true, true}, {"with a witness, no purge", true, false},
		{"without a witness", false, true}, {"without a witness, no purge", false, false},
	} {
		cfg := config(t, t.TempDir())
		log, _, states := sample(t, cfg)
		in := instead(cfg)
		if !tc.witnessed {
			in.Witness = ""
		}
		c := open(t, in)
		if tc.purged {
			do(t, c, Soft, Target{Tag, "a"})
			do(t, c, Soft, Target{Tag, "a"})
		}
		closeClock(t, c)
		if !tc.purged {
			same(t, open(t, cfg), states[4])
			continue
		}
		renewed(t, cfg, states[0].ID(), log, tc.what)
		again := open(t, cfg)
		if again.Fresh() || again.ID() == c.ID() {
			t.Errorf("%s: the new log is not carried on: %q", tc.what, again.Reason())
		}
	}
}

// The process that has the log goes on with it, and may begin another one in
// between: each purge of the other one counts.
func TestAClockThatStandsInForOneInUse(t *testing.T) {
	cfg := config(t, t.TempDir())
	has := open(t, cfg)
	do(t, has, Hard, Target{Tag, "a"})
	in := instead(cfg)
	in.Witness = "" // its folder is the other's, too
	c := open(t, in)
	for range 3 {
		do(t, c, Hard, Target{Tag, "b"})
		do(t, has, Hard, Target{Tag, "a"})
		old := has.ID()
		closeClock(t, has)
		if has = open(t, cfg); !has.Fresh() || has.ID() == old || !strings.Contains(has.Reason(), errMissed.Error()) {
			t.Errorf("carried on: %q", has.Reason())
		}
	}
}

// A crash anywhere between the mark and its end leaves the old log out.
func TestACrashWhileAMarkedLogIsReplaced(t *testing.T) {
	cfg := config(t, t.TempDir())
	log, witness, states := sample(t, cfg)
	for what, crash := range map[string]func(){
		"before anything":       func() {},
		"the log is put aside":  func() { put(t, cfg.logFile(), nil) },
		"a new one is begun":    func() { put(t, cfg.logFile()+".new", log[:20]) },
		"the mark is there yet": func() { put(t, cfg.Witness, nil) },
	} {
		put(t, cfg.logFile(), log)
		put(t, cfg.Witness, witness)
		if err := leaveMark(cfg.Dir); err != nil {
			t.Fatal(err)
		}
		crash()
		renewed(t, cfg, states[0].ID(), nil, what)
		if _, err := os.Lstat(filepath.Join(cfg.Dir, markName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the mark stays: %v", what, err)
		}
	}
}

// A purge that cannot be made to last is refused where something could come back.
func TestAClockThatCannotDisownTheLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, []byte("x"))
	// A name that is too long for any file.
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 300))
	cfg := config(t, t.TempDir())
	_, _, states := sample(t, cfg)
	for _, tc := range []struct {
		what string
		cfg  Config
		want error
	}{
		{"no disk at all", Config{}, nil},
		{"no log, no folder", Config{StandsIn: long}, nil},
		{"no log, a file", Config{StandsIn: file}, nil},
		{"no witness, and no folder", Config{Witness: filepath.Join(file, "w"), StandsIn: file}, ErrLog},
		{"no witness, and none known", Config{Witness: filepath.Join(file, "w")}, ErrLog},
		{"no witness, but a folder", Config{Witness: filepath.Join(file, "w"), StandsIn: cfg.Dir}, nil},
	} {
		c := open(t, tc.cfg)
		if _, err := c.Purge(Hard, []Target{{Tag, "a"}}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.what, err)
		}
		if hard, _ := c.Last(Scope{Tags: []string{"a"}}); hard != c.Applied() || (hard == 0) != (tc.want != nil) {
			t.Errorf("%s: at %d, applied %d", tc.what, c.Applied(), hard)
		}
	}
	renewed(t, cfg, states[0].ID(), nil, "marked")
}

// A log that is there, in a folder that cannot be marked: a path that is long
// enough for the one and too long for the other.
func TestAFolderThatCannotBeMarked(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("paths have another length here")
	}
	const longest = 4095
	dir := t.TempDir()
	for left := longest - len(dir) - len("/"+logName); left > 1; left = longest - len(dir) - len("/"+logName) {
		dir += "/" + strings.Repeat("x", min(left-1, 200))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, logName), []byte("x"))
	c := open(t, Config{StandsIn: dir})
	if _, err := c.Purge(Hard, []Target{{Tag, "a"}}); !errors.Is(err, ErrLog) || !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Error(err)
	}
}

// A witness whose disk hangs is done without: the folder is marked.
func TestAClockThatStandsInAndAWitnessThatHangs(t *testing.T) {
	cfg := config(t, t.TempDir())
	_, _, states := sample(t, cfg)
	c := open(t, instead(cfg))
	answers, tell := make(chan struct{}), c.tell
	c.tell = func(w witness) error {
		<-answers
		return tell(w)
	}
	do(t, c, Hard, Target{Tag, "a"})
	do(t, c, Hard, Target{Tag, "a"}) // does not wait for the one before
	if w, err := readWitness(cfg.Witness); err != nil || w.id != states[0].ID() {
		t.Errorf("%+v, %v", w, err)
	}
	renewed(t, cfg, states[0].ID(), nil, "marked")
	close(answers)
	c.telling <- struct{}{} // it is done
	<-c.telling
}

// Links that somebody has put where files are made are not followed.
func TestPlantedLinks(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	put(t, victim, []byte("dear"))
	cfg := config(t, t.TempDir())
	c := open(t, cfg)
	for _, name := range []string{cfg.Witness + ".new", cfg.logFile() + ".new"} {
		if err := os.Symlink(victim, name); err != nil {
			t.Fatal(err)
		}
	}
	do(t, c, Hard, Target{Tag, "a"})
	c.compact()
	closeClock(t, c)
	in := instead(cfg)
	in.Witness = ""
	mark := filepath.Join(cfg.Dir, markName)
	if err := os.Symlink(victim, mark); err != nil {
		t.Fatal(err)
	}
	do(t, open(t, in), Hard, Target{Tag, "a"})
	if got := get(t, victim); !bytes.Equal(got, []byte("dear")) {
		t.Errorf("overwrote it: %q", got)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	if w, err := readWitness(cfg.Witness); err != nil || w.seq != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	if again := open(t, cfg); again.Fresh() {
		t.Error(again.Reason())
	}
}

// A witness is what was written, or none.
func FuzzWitness(f *testing.F) {
	f.Add([]byte("pictor-purge-witness 1 x 1"))
	f.Add(witness{strings.Repeat("0f", 16), 7}.line())
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := parseWitness(b); err == nil && !bytes.Equal(w.line(), b) {
			t.Errorf("%q is taken for %+v", b, w)
		}
	})
}
