package diskstore

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// A header that has outgrown its place makes a new file of the record. What was
// dropped or replaced meanwhile does not come back with it.
func TestALongHeaderBringsNothingBack(t *testing.T) {
	long := []byte(strings.Repeat("long", 1000))
	for what, change := range map[string]func(s *Store){
		"dropped":      func(s *Store) { s.Drop(NameOf("k")) },
		"replaced":     func(s *Store) { put(t, s, "k", "another") },
		"put anew":     func(s *Store) { s.Drop(NameOf("k")); put(t, s, "k", "another") },
		"just as long": func(s *Store) { put(t, s, "k", "before!") },
	} {
		s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
		put(t, s, "k", "before!")
		r, ok := s.Get(context.Background(), NameOf("k"))
		if !ok {
			t.Fatal("not there")
		}
		change(s)
		h, body, there := get(t, s, "k")
		if err := s.SetHeader(NameOf("k"), r, long); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		r.Close()
		if h2, body2, there2 := get(t, s, "k"); h2 != h || body2 != body || there2 != there {
			t.Errorf("%s: there %v, %.20q, %q", what, there2, h2, body2)
		}
		if st := s.Stats(); st.WriteErrors != 0 {
			t.Errorf("%s: %+v", what, st)
		}
	}
}

// The same while the new file is being written.
func TestADropWhileALongHeaderIsWritten(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	r, _ := s.Get(context.Background(), NameOf("k"))
	defer r.Close()
	body := newStalling("body")
	wait := make(chan error)
	go func() {
		wait <- s.submitWrite(&pendingWrite{
			name: NameOf("k"), head: encodeHead(make([]byte, 5000), 4), body: body, size: 4, replaces: r,
		})
	}()
	<-body.reading
	s.Drop(NameOf("k"))
	close(body.free)
	if err := <-wait; err != errReplaced {
		t.Error(err)
	}
	wantNone(t, s, "k")
}

// However many want a large record at once, it is read once to see that it is
// what was written.
func TestARecordIsVerifiedOnce(t *testing.T) {
	const size, readers = 16 << 20, 16
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 30})
	put(t, s, "k", strings.Repeat("x", size))
	before := s.progress.Load()
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			r, ok := s.Get(context.Background(), NameOf("k"))
			if !ok {
				t.Error("not there")
				return
			}
			r.Close()
		})
	}
	wg.Wait()
	// Reads of 32 KiB, the end, and a look at each header.
	if steps := s.progress.Load() - before; steps < size>>15 || steps > size>>15+2+readers {
		t.Errorf("it took %d steps, one verification takes %d", steps, size>>15)
	}
	if len(s.verifying) != 0 {
		t.Errorf("%d are still being verified", len(s.verifying))
	}
}

// A broken one is found out once, too.
func TestABrokenRecordIsFoundOutOnce(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 30})
	put(t, s, "k", strings.Repeat("x", 8<<20))
	f, err := os.OpenFile(fileOf(dir, "k"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("y"), 5<<20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { wantNone(t, s, "k") })
	}
	wg.Wait()
	if st := s.Stats(); st.Corrupt != 1 || st.Records != 0 {
		t.Errorf("%+v", st)
	}
}

// Who waits for another's verification waits no longer than for any call.
func TestAVerificationThatHangs(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	put(t, s, "other", "body")
	v := &verification{since: time.Now(), done: make(chan struct{})}
	s.verifying[NameOf("k")] = v
	s.cfg.StallTimeout = time.Second / 5
	stop := busily(s)
	defer stop()
	wantNone(t, s, "k")
	if took := time.Since(v.since); took < s.cfg.StallTimeout*maxStallWaits {
		t.Errorf("it was waited for only %v", took)
	}
	if s.isStalled() {
		t.Error("the store is said to hang")
	}
	want(t, s, "other", "body")
	close(v.done)
	s.mu.Lock()
	delete(s.verifying, NameOf("k"))
	s.mu.Unlock()
	s.cfg.StallTimeout = unhurried
	want(t, s, "k", "body")
}
