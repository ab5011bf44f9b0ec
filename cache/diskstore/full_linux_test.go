package diskstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of its own, of so many mebibytes. Where that
// is not allowed, or there are no tools for it, the test is skipped.
func smallDisk(t *testing.T, mib int64) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts")
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, mib<<20); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", image}, {"mount", "-o", "loop,errors=remount-ro", image, dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		var out []byte
		var err error
		for range 100 { // a call that was given up on may be with it still
			if out, err = exec.Command("umount", dir).CombinedOutput(); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("umount: %v: %s", err, out)
	})
	return dir
}

// breakDisk has a file system of smallDisk find an error, at which it becomes
// read-only.
func breakDisk(t *testing.T, dir string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[1] == dir {
			trigger := filepath.Join("/sys/fs/ext4", filepath.Base(f[0]), "trigger_fs_error")
			err = os.WriteFile(trigger, []byte("a test"), 0)
		}
	}
	if err != nil {
		t.Skipf("file systems cannot be told to fail here: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "trial"), nil, 0o600); !readOnly(err) {
		t.Fatalf("the broken disk is not read-only: %v", err)
	}
}

// A store may be smaller than what is left of its disk: then it gives way, and
// what it has is whole.
func TestAFullDisk(t *testing.T) {
	dir := smallDisk(t, 16)
	now := time.Now()
	s, end := open(t, dir, Config{MaxBytes: 1 << 30, Now: func() time.Time { return now }})
	body := strings.Repeat("x", 100_000)
	key := func(i int) string { return fmt.Sprint("key ", i) }
	var err error
	last := 0
	for ; err == nil; last++ {
		err = s.Put(NameOf(key(last)), []byte("header of "+key(last)), strings.NewReader(body), int64(len(body)))
	}
	if last--; !errors.Is(err, syscall.ENOSPC) || last < 50 {
		t.Fatalf("after %d records: %v", last, err)
	}
	wantNone(t, s, key(last))
	wantNone(t, s, key(0)) // it gave way
	want(t, s, key(last-1), body)
	st := s.Stats()
	if part := uint64(last / wayPart); st.Evicted < part || st.Evicted > part+2 || st.WriteErrors != 1 {
		t.Errorf("of %d records: %+v", last, st)
	}
	if err := s.Put(NameOf("k"), nil, strings.NewReader("x"), 1); !errors.Is(err, ErrPaused) {
		t.Errorf("so soon: %v", err)
	}
	now = now.Add(pauseFor)
	put(t, s, "k", body)
	end()

	s, _ = open(t, dir, Config{MaxBytes: 1 << 30})
	for i := int(st.Evicted); i < last; i++ {
		want(t, s, key(i), body)
	}
	want(t, s, "k", body)
}

// A disk that becomes read-only still has what it had. What is dropped is gone
// all the same.
func TestADiskThatBecomesReadOnly(t *testing.T) {
	dir := smallDisk(t, 16)
	now := time.Now()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20, Now: func() time.Time { return now }})
	for _, key := range []string{"stays", "dropped", "replaced", "renewed"} {
		put(t, s, key, "body")
	}
	breakDisk(t, dir)
	r, ok := s.Get(context.Background(), NameOf("renewed"))
	if !ok {
		t.Fatal("nothing is found on a disk that is read-only")
	}
	if err := s.SetHeader(NameOf("renewed"), r, []byte("another")); err == nil {
		t.Error("a header was written")
	}
	r.Close()
	s.Drop(NameOf("dropped"))
	for range 2 {
		now = now.Add(pauseFor)
		if err := s.Put(NameOf("replaced"), nil, strings.NewReader("new"), 3); !readOnly(err) {
			t.Errorf("a record was written: %v", err)
		}
		want(t, s, "stays", "body")
		want(t, s, "replaced", "body")
		wantNone(t, s, "dropped")
		wantNone(t, s, "renewed") // its header may be a half
	}
	if st := s.Stats(); st.Records != 4 || st.WriteErrors != 3 {
		t.Errorf("%+v", st)
	}
}

// freeze makes whoever changes a file of a disk wait, as one does that hangs.
func freeze(t *testing.T, dir string) (thaw func()) {
	t.Helper()
	return doUntil(t, "file systems cannot be frozen here",
		[]string{"fsfreeze", "-f", dir}, []string{"fsfreeze", "-u", dir})
}

// doUntil runs a program that changes something, and another one that changes
// it back by the end of the test. Where it cannot be changed the test is skipped.
func doUntil(t *testing.T, cannot string, do, undo []string) (end func()) {
	t.Helper()
	if out, err := exec.Command(do[0], do[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", cannot, err, out)
	}
	end = sync.OnceFunc(func() {
		if out, err := exec.Command(undo[0], undo[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", undo, err, out)
		}
	})
	t.Cleanup(end)
	return end
}

// Nobody waits for a disk that hangs, but for those who were with it when it
// began, and they for a while.
func TestADiskThatHangs(t *testing.T) {
	const patience, soon = time.Second, 20 * time.Second // or the machine stands still
	dir := smallDisk(t, 16)
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20})
	for _, key := range []string{"stays", "dropped", "renewed", "dropped later"} {
		put(t, s, key, "body")
	}
	r, _ := s.Get(context.Background(), NameOf("renewed"))
	before := s.Stats()
	s.cfg.StallTimeout = patience
	body := newStalling("body")
	written := make(chan error)
	go func() { written <- s.Put(NameOf("begun"), []byte("header of begun"), body, 4) }()
	<-body.reading
	thaw := freeze(t, dir)
	started := time.Now()
	close(body.free)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() { get(t, s, "stays") }) // it may be read before another waits with the lock
	}
	calls.Go(func() {
		if err := s.SetHeader(NameOf("renewed"), r, []byte("another")); !errors.Is(err, ErrStalled) {
			t.Errorf("a header was written: %v", err)
		}
		s.Drop(NameOf("renewed")) // as callers do with what could not be renewed
	})
	calls.Go(func() { s.Drop(NameOf("dropped")) })
	calls.Wait()
	if err := <-written; !errors.Is(err, ErrStalled) {
		t.Errorf("the one that was under way: %v", err)
	}
	if took := time.Since(started); took > soon {
		t.Errorf("those who came when it began waited for %v", took)
	}
	wantNothingOf(t, s, before.Records)

	thaw()
	settle(t, s)
	s.cfg.StallTimeout = unhurried
	want(t, s, "stays", "body")
	for _, key := range []string{"begun", "dropped", "dropped later", "renewed"} {
		wantNone(t, s, key)
	}
	put(t, s, "k", "body")
	want(t, s, "k", "body")
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Stalled || st.Records != 2 || st.WriteErrors != 0 {
		t.Errorf("%+v", st)
	}
}

// wantNothingOf asks everything of a store that hangs, and wants it not waited for.
func wantNothingOf(t *testing.T, s *Store, records int) {
	t.Helper()
	const soon = 20 * time.Second // to be patient each time would take longer
	started := time.Now()
	for range 100 {
		wantNone(t, s, "stays")
		s.Touch(NameOf("stays"))
	}
	s.Drop(NameOf("dropped later"))
	if err := s.Put(NameOf("k"), nil, strings.NewReader("x"), 1); !errors.Is(err, ErrStalled) {
		t.Errorf("a record was written: %v", err)
	}
	if st := s.Stats(); !st.Stalled || st.Records != records {
		t.Errorf("%+v", st)
	}
	if took := time.Since(started); took > soon {
		t.Errorf("those who came later waited for %v", took)
	}
}

// A server ends also while its disk hangs.
func TestCloseWhileTheDiskHangs(t *testing.T) {
	dir := smallDisk(t, 16)
	s, end := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	s.cfg.StallTimeout = time.Second / 10
	thaw := freeze(t, dir)
	s.Drop(NameOf("k"))
	s.Close() // or the disk is frozen for as long as this test lasts
	thaw()
	settle(t, s)
	end()
}

// A server starts also while its disk hangs, and gives the folder back when
// that answers at last.
func TestOpenWhileTheDiskHangs(t *testing.T) {
	dir := smallDisk(t, 16)
	thaw := freeze(t, dir)
	if _, err := openFolder(dir, time.Second/10); !errors.Is(err, ErrStalled) {
		t.Errorf("a folder on a disk that hangs: %v", err)
	}
	thaw()
	f, err := OpenFolder(dir)
	end := time.Now().Add(time.Minute)
	for ; errors.Is(err, ErrInUse) && time.Now().Before(end); f, err = OpenFolder(dir) {
		runtime.Gosched() // the first one has it still
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Open("s", Config{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	<-s.Ready()
	s.Close()
	f.Close()
}
