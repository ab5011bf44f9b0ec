package diskstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// busily has something else of a store get done all the time.
func busily(s *Store) (stop func()) {
	var wg sync.WaitGroup
	ending := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-ending:
				return
			default:
				s.progress.Add(1)
				time.Sleep(time.Millisecond)
			}
		}
	})
	return func() {
		close(ending)
		wg.Wait()
	}
}

// A disk that is slow does not hang.
func TestASlowDiskDoesNotHang(t *testing.T) {
	const patience = time.Second / 5
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	began := s.progress.Load()
	put(t, s, "k", strings.Repeat("x", 200_000))
	if steps := s.progress.Load() - began; steps < 5 {
		t.Errorf("a long write is %d steps", steps)
	}
	s.cfg.StallTimeout = patience
	slow := func() {
		for end := time.Now().Add(4 * patience); time.Now().Before(end); runtime.Gosched() {
			s.progress.Add(1)
		}
	}
	if !s.doWithTimeout(slow, nil) || s.isStalled() {
		t.Error("it is said to hang")
	}
	var none atomic.Uint64
	write := func() {
		for end := time.Now().Add(4 * patience); time.Now().Before(end); runtime.Gosched() {
		}
	}
	if !s.doIO(ioOp{run: write, progress: &none}) || s.isStalled() {
		t.Error("it is said to hang for a long write")
	}
	stop := make(chan struct{})
	if s.doWithTimeout(func() { <-stop }, nil) || !s.isStalled() {
		t.Error("it is said not to hang")
	}
	close(stop)
	settle(t, s)
}

// A call that hangs by itself costs itself, and is not waited for as long as
// all else goes well.
func TestACallThatHangsByItself(t *testing.T) {
	// A busy machine may leave the progress of others without a processor for tens of milliseconds.
	const patience = time.Second / 6
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	s.cfg.StallTimeout = patience
	stop := busily(s)
	defer stop()
	free := make(chan struct{})
	late := make(chan struct{})
	if s.doWithTimeout(func() { <-free }, func() { close(late) }) {
		t.Error("what never returned did in time")
	}
	if s.isStalled() {
		t.Error("the store is said to hang")
	}
	s.cfg.StallTimeout = unhurried
	want(t, s, "k", "body")
	s.cfg.StallTimeout = patience
	close(free)
	<-late
	settle(t, s)

	// One that gets something done may take longer.
	long := ioOp{progress: &s.progress}
	long.run = func() {
		time.Sleep(2 * maxStallWaits * s.cfg.StallTimeout)
	}
	if !s.doIO(long) {
		t.Error("a long call was given up on")
	}
}

// Too many of those are the store hanging: each of them holds a thread.
func TestCallsThatHangByThemselvesAreBounded(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20, StallTimeout: time.Second / 50})
	stop := busily(s)
	defer stop()
	free := make(chan struct{})
	var calls sync.WaitGroup
	for range maxStragglers + 1 {
		calls.Go(func() { s.doWithTimeout(func() { <-free }, nil) })
	}
	calls.Wait()
	if !s.isStalled() {
		t.Error("the store is said not to hang")
	}
	close(free)
	settle(t, s)
}

// A drop is not lost, however long its own call takes.
func TestADropThatHangsByItself(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	s.cfg.StallTimeout = time.Second / 6
	stop := busily(s)
	s.mu.Lock() // as who waits for the disk has it
	s.Drop(NameOf("k"))
	if !s.isStalled() || s.breaker.stragglers > 0 {
		t.Errorf("the drop is neither done nor to be done; it was tried %d times", 1+s.breaker.stragglers)
	}
	wantNone(t, s, "k")
	s.mu.Unlock()
	settle(t, s)
	stop()
	s.cfg.StallTimeout = unhurried
	wantNone(t, s, "k")
}

// stalling is a body that tells when it is read, and when it may be.
type stalling struct {
	bytes.Reader
	once          sync.Once
	reading, free chan struct{}
}

func newStalling(body string) *stalling {
	return &stalling{Reader: *bytes.NewReader([]byte(body)), reading: make(chan struct{}), free: make(chan struct{})}
}

func (b *stalling) Read(p []byte) (int, error) {
	b.once.Do(func() { close(b.reading) })
	<-b.free
	return b.Reader.Read(p)
}

// A Put that was given up on comes to nothing, whenever its disk answers, and
// does not touch what it was given any more.
func TestAPutThatIsGivenUpOn(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "before")
	s.cfg.StallTimeout = time.Second / 5
	body := newStalling("body")
	wait := make(chan error)
	go func() { wait <- s.Put(NameOf("k"), []byte("header of k"), body, 4) }()
	<-body.reading
	s.mu.Lock() // its place is not to be had: it hangs, and so does the store
	close(body.free)
	if err := <-wait; !errors.Is(err, ErrStalled) {
		t.Errorf("given up on: %v", err)
	}
	s.mu.Unlock()
	settle(t, s)
	s.cfg.StallTimeout = unhurried
	want(t, s, "k", "before")
	put(t, s, "k", "after")
	want(t, s, "k", "after")
	if st := s.Stats(); st.Written != 2 || st.WriteErrors != 0 {
		t.Errorf("%+v", st)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserved != 0 {
		t.Errorf("%d blocks are kept for it", s.reserved)
	}
}

// What its owner has taken back is not read.
func TestALentBody(t *testing.T) {
	l := &revocableReader{body: strings.NewReader("body")}
	b := make([]byte, 2)
	if n, err := l.Read(b); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	l.revoke()
	if n, err := l.Read(b); n != 0 || !errors.Is(err, ErrStalled) {
		t.Errorf("%d, %v", n, err)
	}
}

// stall has the disk hang until free is called.
func stall(t *testing.T, s *Store) (free func()) {
	t.Helper()
	patience := s.cfg.StallTimeout
	s.cfg.StallTimeout = time.Second / 50
	stop := make(chan struct{})
	if s.doWithTimeout(func() { <-stop }, nil) || !s.isStalled() {
		t.Fatal("it does not hang")
	}
	s.cfg.StallTimeout = patience
	return sync.OnceFunc(func() { close(stop) })
}

// What is dropped while the disk hangs is not found when it responds again, nor
// by the next process, however much that was and whether the store was counted.
func TestDropsWhileTheDiskHangs(t *testing.T) {
	const most = 10
	for _, dropped := range []int{0, 1, most, most + 1, 3 * most} {
		for _, counted := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d dropped, counted %v", dropped, counted), func(t *testing.T) {
				dir, cfg := t.TempDir(), Config{MaxBytes: 1 << 20, maxPendingDrops: most}
				s, end := open(t, dir, cfg)
				for i := range 4 * most {
					put(t, s, fmt.Sprint(i), "body")
				}
				count := func() {}
				if !counted {
					end()
					cfg.MaxRecords = 100
					s, count = uncounted(t, dir, cfg)
					end = s.Close
				}
				free := stall(t, s)
				for i := range dropped {
					s.Drop(NameOf(fmt.Sprint(i)))
				}
				free()
				settle(t, s)
				check := func(when string) {
					for i := range dropped {
						if _, _, ok := get(t, s, fmt.Sprint(i)); ok {
							t.Errorf("%s: %d is there", when, i)
						}
					}
					if _, _, ok := get(t, s, fmt.Sprint(4*most-1)); ok != (dropped <= most) {
						t.Errorf("%s: what was not dropped is there: %v", when, ok)
					}
				}
				check("at once")
				count()
				settle(t, s)
				check("counted")
				left := 4*most - dropped
				if dropped > most {
					left = 0
				}
				if st, n := s.Stats(), taken(t, filepath.Join(dir, storeDir, "s")); st.Records != left ||
					st.Bytes != n || n != int64(left*block) {
					t.Errorf("%+v, and %d bytes are there; want %d records", st, n, left)
				}
				put(t, s, "1", "new")
				want(t, s, "1", "new")
				end()
				s, _ = open(t, dir, cfg)
				want(t, s, "1", "new")
				s.Drop(NameOf("1"))
				check("the next process")
			})
		}
	}
}
