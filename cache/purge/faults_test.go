package purge

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// faultyFile is a file that fails where it is told to.
type faultyFile struct {
	logHandle
	write, sync, truncate error
	syncing, synced       chan struct{}
}

// Write writes a half before it fails.
func (s *faultyFile) Write(b []byte) (int, error) {
	if s.write != nil {
		n, _ := s.logHandle.Write(b[:len(b)/2])
		return n, s.write
	}
	return s.logHandle.Write(b)
}

func (s *faultyFile) Sync() error {
	if s.syncing != nil {
		s.syncing <- struct{}{}
		<-s.synced
	}
	if s.sync != nil {
		return s.sync
	}
	return s.logHandle.Sync()
}

func (s *faultyFile) Truncate(n int64) error {
	s.write, s.sync = nil, nil // what follows works
	if s.truncate != nil {
		return s.truncate
	}
	return s.logHandle.Truncate(n)
}

// A purge that could not be written takes no number, and leaves nothing behind.
func TestPurgeThatCannotBeWritten(t *testing.T) {
	for _, ill := range []faultyFile{{write: syscall.ENOSPC}, {sync: syscall.EIO}} {
		cfg := config(t, t.TempDir())
		c := open(t, cfg)
		do(t, c, Hard, Target{Tag, "a"})
		ill.logHandle = c.log.f
		c.log.f = &ill
		before := get(t, cfg.logFile())
		cause := errors.Join(ill.write, ill.sync)
		_, err := c.Purge(Hard, []Target{{Tag, "a"}, {Tag, "b"}})
		if !errors.Is(err, ErrLog) || !strings.Contains(err.Error(), cause.Error()) {
			t.Errorf("%v", err)
		}
		if hard, soft := c.Last(Scope{Tags: []string{"a", "b"}}); hard != 1 || soft != 0 || c.Applied() != 1 {
			t.Errorf("applied all the same: %d, %d, %d", hard, soft, c.Applied())
		}
		if got := get(t, cfg.logFile()); string(got) != string(before) {
			t.Errorf("log is %s", got)
		}
		if w, err := readCheckpoint(cfg.Checkpoint); err != nil || w.seq != 1 {
			t.Errorf("checkpoint of %d, %v", w.seq, err)
		}
		if seq := do(t, c, Soft, Target{Tag, "b"}); seq != 2 {
			t.Errorf("goes on with %d", seq)
		}
		closeClock(t, c)
		same(t, open(t, cfg), c)
	}
}

// Where the log cannot be put right nothing may be written after it.
func TestLogThatCannotBePutRight(t *testing.T) {
	breakings := map[string]func(*Clock){
		"half a write": func(c *Clock) {
			c.log.f = &faultyFile{logHandle: c.log.f, write: syscall.EIO, truncate: syscall.EIO}
		},
		"written, not synced": func(c *Clock) {
			c.log.f = &faultyFile{logHandle: c.log.f, sync: syscall.EIO, truncate: syscall.EIO}
		},
		"closed": func(c *Clock) { c.log.f.Close() },
	}
	for what, breakIt := range breakings {
		cfg := config(t, t.TempDir())
		c := open(t, cfg)
		do(t, c, Hard, Target{Tag, "a"})
		breakIt(c)
		for range 2 { // the second one although the file works again
			if _, err := c.Purge(Hard, []Target{{Tag, "b"}}); !errors.Is(err, ErrLog) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if hard, _ := c.Last(Scope{Tags: []string{"a", "b"}}); hard != 1 || c.Applied() != 1 {
			t.Errorf("%s: %d applied", what, c.Applied())
		}
		c.Close() // fails where it was closed before
		again := open(t, cfg)
		a, _ := again.Last(Scope{Tags: []string{"a"}})
		if fresh := what == "half a write"; again.isFresh() != fresh || !fresh && a != 1 {
			t.Errorf("%s: fresh is %v, %d", what, again.isFresh(), a)
		}
		do(t, again, Hard, Target{Tag, "b"})
	}
}

// A log that cannot be compacted goes on as it is, and that is not tried at
// every purge.
func TestLogThatCannotBeCompacted(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.growth = 100_000
	var said bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
	c := open(t, cfg)
	blocked := cfg.logFile() + ".new"
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	grow(t, c, 300_000)
	if n := c.Stats().LogBytes; n < 300_000 {
		t.Errorf("compacted to %d bytes", n)
	}
	if n := strings.Count(said.String(), "cannot be compacted"); n < 1 || n > 3 {
		t.Errorf("tried %d times", n)
	}
	closeClock(t, c)
	again := open(t, cfg)
	same(t, again, c)
	do(t, again, Hard, Target{Tag, "last"})
	closeClock(t, again)
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	third := open(t, cfg)
	same(t, third, again)
	if n := third.Stats().LogBytes; n > 10_000 {
		t.Errorf("not compacted: %d bytes", n)
	}
}

// grow purges until so many bytes were written.
func grow(t testing.TB, c *Clock, n int) {
	t.Helper()
	for i := 0; n > 0; i++ {
		var targets []Target
		for j := range 5 {
			targets = append(targets, Target{Tag, fmt.Sprintf("%8000d", 5*i+j)})
		}
		do(t, c, Hard, targets...)
		n -= 5 * 8000
	}
}

// Nobody waits for a disk but who purges.
func TestReadersDoNotWaitForTheDisk(t *testing.T) {
	c := open(t, config(t, t.TempDir()))
	do(t, c, Hard, Target{Kind: All})
	slow := &faultyFile{logHandle: c.log.f, syncing: make(chan struct{}), synced: make(chan struct{})}
	c.log.f = slow
	done := make(chan error)
	go func() {
		_, err := c.Purge(Hard, []Target{{Kind: All}})
		done <- err
	}()
	<-slow.syncing
	read := make(chan struct{})
	go func() {
		defer close(read)
		if hard, _ := c.Last(Scope{}); hard != 1 || c.Applied() != 1 || c.Stats().Sequence != 1 {
			t.Errorf("applied before it was on disk: %d", hard)
		}
	}()
	select {
	case <-read:
	case <-time.After(time.Minute):
		t.Error("readers wait")
	}
	close(slow.synced)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if hard, _ := c.Last(Scope{}); hard != 2 {
		t.Errorf("not applied: %d", hard)
	}
}

// A checkpoint whose disk hangs holds up one purge for a moment, and nobody else.
func TestACheckpointThatHangs(t *testing.T) {
	cfg := config(t, t.TempDir())
	c := open(t, cfg)
	var told atomic.Int32
	answers, tell := make(chan struct{}), c.checkpoint.store
	c.checkpoint.store = func(w checkpoint) error {
		told.Add(1)
		<-answers
		return tell(w)
	}
	began := time.Now()
	for range 10 {
		do(t, c, Hard, Target{Tag, "a"})
	}
	// The first one waited for as long as it should; the others did not ask.
	if took := time.Since(began); took < checkpointTimeout || told.Load() != 1 {
		t.Errorf("ten purges took %v, and told the checkpoint %d times", took, told.Load())
	}
	if hard, _ := c.Last(Scope{Tags: []string{"a"}}); hard != 10 {
		t.Errorf("%d was applied", hard)
	}
	close(answers)
	c.checkpoint.busy <- struct{}{} // it is done
	<-c.checkpoint.busy
	do(t, c, Hard, Target{Tag, "b"})
	closeClock(t, c)
	if w, err := readCheckpoint(cfg.Checkpoint); err != nil || w.seq != 11 {
		t.Errorf("%+v, %v", w, err)
	}
	if again := open(t, cfg); again.isFresh() {
		t.Error(again.reason())
	}
}
