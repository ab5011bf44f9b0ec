package diskstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// between reports whether others get the lock of a store while there are fewer
// records than before, and more than after. What it gives says so, and ends it.
func between(t *testing.T, s *Store, before, after int) (seen func() bool) {
	t.Helper()
	var all, running sync.WaitGroup
	var found atomic.Bool
	stop := make(chan struct{})
	look := func() {
		s.mu.Lock()
		n, taken, ready := s.index.len(), s.blocks+s.reserved, s.ready
		s.mu.Unlock()
		if n < before && n > after {
			found.Store(true)
		}
		if ready && taken > s.cfg.MaxBytes/block {
			t.Errorf("%d blocks are taken", taken)
		}
	}
	for range 8 { // one may be on a processor that does something else
		running.Add(1)
		all.Go(func() {
			for once := sync.OnceFunc(running.Done); ; once() {
				select {
				case <-stop:
					return
				default:
					look()
					runtime.Gosched()
				}
			}
		})
	}
	running.Wait()
	return func() bool {
		close(stop)
		all.Wait()
		return found.Load()
	}
}

func TestAStoreIsOpenWhileItBecomesSmaller(t *testing.T) {
	const many, few = 2000, 100
	dir := t.TempDir()
	s, end := open(t, dir, Config{MaxBytes: 64 << 20})
	for i := range many {
		put(t, s, fmt.Sprint(i), "x")
	}
	end()
	s, count := uncounted(t, dir, Config{MaxBytes: few * block, MaxRecords: many})
	seen := between(t, s, many, few)
	count()
	if !seen() {
		t.Error("whoever wanted something had to wait for all to be removed")
	}
	if st := s.Stats(); st.Records != few || st.Evicted != many-few ||
		st.Bytes != taken(t, filepath.Join(dir, storeDir, "s")) {
		t.Errorf("%+v", st)
	}
}

func TestALargeRecordIsGivenRoomBitByBit(t *testing.T) {
	const many = 2000
	dir := t.TempDir()
	s, _ := open(t, dir, Config{MaxBytes: many * block})
	for i := range many {
		put(t, s, fmt.Sprint(i), "x")
	}
	seen := between(t, s, many, many*3/4+2)
	put(t, s, "large", strings.Repeat("x", (many/4-1)*block))
	if !seen() {
		t.Error("whoever wanted something had to wait for all to be removed")
	}
	if st := s.Stats(); st.Evicted != many/4 || st.Bytes != taken(t, filepath.Join(dir, storeDir)) {
		t.Errorf("%+v", st)
	}
}

// pin makes a file one that even root cannot remove.
func pin(t *testing.T, file string) (unpin func()) {
	t.Helper()
	return doUntil(t, "files cannot be made immutable here",
		[]string{"chattr", "+i", file}, []string{"chattr", "-i", file})
}

// One file that cannot be removed is in nobody's way; where none can be, that
// is said.
func TestFilesThatCannotBeRemoved(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	var log strings.Builder
	cfg := Config{
		MaxBytes: 8 * block, Now: func() time.Time { return now },
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	s, _ := open(t, dir, cfg)
	var unpins []func()
	for i := range 8 {
		put(t, s, fmt.Sprint(i), "x")
		if i < evictTries-1 {
			unpins = append(unpins, pin(t, fileOf(dir, fmt.Sprint(i))))
		}
	}
	put(t, s, "8", "x")
	wantNone(t, s, fmt.Sprint(evictTries-1))
	want(t, s, "0", "x") // it is as good as ever
	if st := s.Stats(); st.Records != 8 || st.Evicted != 1 || st.WriteErrors != 0 || log.Len() != 0 {
		t.Errorf("%+v, %s", st, &log)
	}
	for i := evictTries; i < 9; i++ {
		unpins = append(unpins, pin(t, fileOf(dir, fmt.Sprint(i))))
	}
	if err := s.Put(NameOf("9"), nil, strings.NewReader("x"), 1); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("with nothing that can be removed: %v", err)
	}
	if err := s.Put(NameOf("9"), nil, strings.NewReader("x"), 1); !errors.Is(err, ErrPaused) {
		t.Errorf("so soon: %v", err)
	}
	if st := s.Stats(); st.Records != 8 || st.WriteErrors != 1 || !strings.Contains(log.String(), "cannot be written") {
		t.Errorf("%+v, %s", st, &log)
	}
	for _, unpin := range unpins {
		unpin()
	}
	now = now.Add(pauseFor)
	put(t, s, "9", "x")
	if st := s.Stats(); st.Records != 8 || st.Bytes != taken(t, filepath.Join(dir, storeDir)) {
		t.Errorf("%+v", st)
	}
}

// What could not be removed when it was dropped is, when it can be.
func TestADropIsTriedAgain(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20, Now: func() time.Time { return now }})
	put(t, s, "dropped", "x")
	unpin := pin(t, fileOf(dir, "dropped"))
	s.Drop(NameOf("dropped"))
	for i, records := range []int{2, 3, 3} {
		put(t, s, fmt.Sprint(i), "x")
		settle(t, s)
		wantNone(t, s, "dropped")
		if st := s.Stats(); st.Records != records || st.Bytes != taken(t, filepath.Join(dir, storeDir)) {
			t.Errorf("%d: %+v", i, st)
		}
		if i == 1 {
			unpin()
			now = now.Add(pauseFor)
		}
	}
}

// A record that is dropped before it is counted is gone also where its file
// cannot be removed.
func TestADropOnAReadOnlyDiskBeforeItIsCounted(t *testing.T) {
	dir := smallDisk(t, 16)
	s, end := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "stays", "body")
	put(t, s, "dropped", "body")
	end()
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("disks cannot be made read-only here: %v: %s", err, out)
	}
	s, count := uncounted(t, dir, Config{MaxBytes: 1 << 20, MaxRecords: 10})
	s.Drop(NameOf("dropped"))
	missing := NameOf("dropped") // in a folder that is there
	missing[5]++
	s.Drop(missing)
	wantNone(t, s, "dropped")
	count()
	wantNone(t, s, "dropped")
	want(t, s, "stays", "body")
	if st := s.Stats(); st.Records != 2 || st.Bytes != taken(t, filepath.Join(dir, storeDir, "s")) {
		t.Errorf("%+v", st)
	}
}
