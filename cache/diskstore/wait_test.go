package diskstore

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// hungFile is a file whose reads and writes hang until it is free.
type hungFile struct {
	fileHandle
	free chan struct{}
}

func (f hungFile) ReadAt(p []byte, off int64) (int, error) {
	<-f.free
	return f.fileHandle.ReadAt(p, off)
}

func (f hungFile) WriteAt(p []byte, off int64) (int, error) {
	<-f.free
	return f.fileHandle.WriteAt(p, off)
}

// hangs are ways in which what is asked of a disk does not return.
var hangs = map[string]func(s *Store, r *Record) (free func()){
	"who waits for the disk has the lock": func(s *Store, _ *Record) func() {
		s.mu.Lock()
		return s.mu.Unlock
	},
	"the open file hangs": func(_ *Store, r *Record) func() {
		f := hungFile{r.file, make(chan struct{})}
		r.file = f
		return func() { close(f.free) }
	},
	"all places are taken": func(s *Store, _ *Record) func() {
		for range maxOps {
			s.slots <- struct{}{}
		}
		return func() {
			for range maxOps {
				<-s.slots
			}
		}
	},
	"another verifies the record": func(s *Store, _ *Record) func() {
		v := &verification{since: time.Now(), done: make(chan struct{})}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.verifying[NameOf("k")] = v
		s.index.find(NameOf("k")).verified = false
		return func() {
			close(v.done)
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.verifying, NameOf("k"))
		}
	},
}

// waits are the calls that wait for the disk; until says which of them do so
// until a context ends.
var waits = map[string]struct {
	until bool
	call  func(ctx context.Context, s *Store, r *Record) error
}{
	"Get": {true, func(ctx context.Context, s *Store, _ *Record) error {
		got, ok := s.Get(ctx, NameOf("k"))
		if !ok {
			return ErrStalled
		}
		return got.Close()
	}},
	"ReadWithin": {true, func(ctx context.Context, _ *Store, r *Record) error {
		_, err := r.ReadWithin(ctx, make([]byte, 4), 0)
		return err
	}},
	"Reader": {true, func(ctx context.Context, _ *Store, r *Record) error {
		_, err := io.ReadAll(r.Reader(ctx))
		return err
	}},
	"CopyTo": {true, func(ctx context.Context, _ *Store, r *Record) error {
		return r.CopyTo(ctx, &strings.Builder{})
	}},
	"Prefetch": {true, func(ctx context.Context, _ *Store, r *Record) error {
		return r.Prefetch(ctx, 0, r.Size())
	}},
	"ReadAt": {false, func(_ context.Context, _ *Store, r *Record) error {
		_, err := r.ReadAt(make([]byte, 4), 0)
		return err
	}},
	"Put": {false, func(_ context.Context, s *Store, _ *Record) error {
		return s.Put(NameOf("other"), nil, strings.NewReader("body"), 4)
	}},
	"SetHeader": {false, func(_ context.Context, s *Store, r *Record) error {
		return s.SetHeader(NameOf("k"), r, []byte("another"))
	}},
	"SetHeader that grows": {false, func(_ context.Context, s *Store, r *Record) error {
		return s.SetHeader(NameOf("k"), r, make([]byte, 8<<10))
	}},
	"Drop": {false, func(_ context.Context, s *Store, _ *Record) error {
		s.Drop(NameOf("k"))
		return nil
	}},
	"Touch": {false, func(_ context.Context, s *Store, _ *Record) error {
		s.Touch(NameOf("k"))
		return nil
	}},
	"Stats": {false, func(_ context.Context, s *Store, _ *Record) error {
		s.Stats()
		return nil
	}},
	"Close": {false, func(_ context.Context, s *Store, _ *Record) error {
		s.Close()
		return nil
	}},
}

// Whatever hangs, every call returns: after the store's patience or, where it
// takes a context, when that ends. Nothing is left when the disk responds.
func TestEveryWaitEnds(t *testing.T) {
	errLeft := errors.New("the client has left")
	for how, hang := range hangs {
		for what, w := range waits {
			for _, until := range []bool{false, true} {
				if until && !w.until {
					continue
				}
				name := how + ", " + what
				if until {
					name += " until its context ends"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
					put(t, s, "k", "body")
					r, ok := s.Get(context.Background(), NameOf("k"))
					if !ok {
						t.Fatal("not there")
					}
					defer r.Close()
					s.cfg.StallTimeout = time.Second / 50
					ctx, cancel := context.WithCancelCause(context.Background())
					defer cancel(nil)
					if until {
						s.cfg.StallTimeout = time.Hour
					}
					free := hang(s, r)
					ended := make(chan error, 1)
					go func() { ended <- w.call(ctx, s, r) }()
					if until {
						cancel(errLeft)
					}
					select {
					case err := <-ended:
						if err != nil && !errors.Is(err, ErrStalled) && !errors.Is(err, errLeft) {
							t.Error(err)
						}
					case <-time.After(time.Minute):
						t.Error("it waits for ever")
					}
					free()
					settle(t, s)
				})
			}
		}
	}
}

// Clients that do not wait for as long as it takes to find that the disk hangs
// do not keep the store from finding it, nor hold more and more threads.
func TestAHangIsFoundAlsoWhereNobodyWaitsForIt(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	s.cfg.StallTimeout = time.Second / 5
	s.mu.Lock()
	left, leave := context.WithCancel(context.Background())
	leave()
	for range 10 * maxOps {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		s.Get(ctx, NameOf("k"))
	}
	if _, ok := s.Get(left, NameOf("k")); ok || len(s.slots) > maxOps {
		t.Errorf("found %v, %d calls", ok, len(s.slots))
	}
	for !s.isStalled() {
		time.Sleep(time.Millisecond)
	}
	s.mu.Unlock()
	settle(t, s)
	want(t, s, "k", "body")
}

// A read that is cut short by a disk which hangs does not write into the
// caller's memory any more.
func TestAReadThatWasGivenUpOnWritesNothing(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	body := strings.Repeat("0123456789", 10_000)
	put(t, s, "k", body)
	r, ok := s.Get(context.Background(), NameOf("k"))
	if !ok {
		t.Fatal("not there")
	}
	defer r.Close()
	whole := make([]byte, len(body)+1)
	if n, err := r.ReadAt(whole, 0); n != len(body) || err != io.EOF || string(whole[:n]) != body {
		t.Fatalf("%d, %v", n, err)
	}
	if n, err := r.ReadAt(whole[:70_000], 5); n != 70_000 || err != nil || string(whole[:n]) != body[5:70_005] {
		t.Fatalf("%d, %v", n, err)
	}
	free := hangs["the open file hangs"](s, r)
	p := make([]byte, 4)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if n, err := r.ReadWithin(ctx, p, 0); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
	s.cfg.StallTimeout = time.Second / 50
	if n, err := r.ReadAt(p, 0); n != 0 || !errors.Is(err, ErrStalled) {
		t.Errorf("%d, %v", n, err)
	}
	free()
	settle(t, s)
	if string(p) != "\x00\x00\x00\x00" {
		t.Errorf("it wrote %q", p)
	}
}

// A copy that is given up on does not write any more.
func TestACopyThatWasGivenUpOnWritesNothing(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	body := strings.Repeat("0123456789", 10_000)
	put(t, s, "k", body)
	r, ok := s.Get(context.Background(), NameOf("k"))
	if !ok {
		t.Fatal("not there")
	}
	defer r.Close()
	var whole, none strings.Builder
	f, offset := r.Region()
	if err := r.CopyTo(context.Background(), &whole); err != nil || whole.String() != body {
		t.Fatalf("%d bytes, %v", whole.Len(), err)
	}
	s.cfg.StallTimeout = time.Second / 50
	free := hangs["the open file hangs"](s, r)
	if err := r.CopyTo(context.Background(), &none); !errors.Is(err, ErrStalled) {
		t.Errorf("of a disk that hangs: %v", err)
	}
	free()
	settle(t, s)
	if none.Len() != 0 {
		t.Errorf("it wrote %d bytes", none.Len())
	}
	if err := os.Truncate(f.Name(), offset+50_000); err != nil {
		t.Fatal(err)
	}
	if err := r.CopyTo(context.Background(), &none); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of a file that was cut: %v", err)
	}
}

// A miss that the index knows takes no operation, so it waits for none.
func TestAKnownMissWaitsForNoOperation(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20, StallTimeout: time.Hour})
	put(t, s, "k", "body")
	for range maxOps {
		s.slots <- struct{}{}
	}
	if _, ok := s.Get(context.Background(), NameOf("none")); ok {
		t.Error("found")
	}
	for range maxOps {
		<-s.slots
	}
	want(t, s, "k", "body")
}

// What is prefetched is any part of a body, and one that is cut short is an error.
func TestPrefetch(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	const size = 100_000
	put(t, s, "k", strings.Repeat("0123456789", size/10))
	r, ok := s.Get(context.Background(), NameOf("k"))
	if !ok {
		t.Fatal("not there")
	}
	defer r.Close()
	for _, part := range [][2]int64{
		{0, size}, {0, 1}, {5, 70_000}, {size - 1, 1}, {size - 5, 64 << 10}, {0, 2 * size}, {size, 5},
	} {
		if err := r.Prefetch(context.Background(), part[0], part[1]); err != nil {
			t.Errorf("%v: %v", part, err)
		}
	}
	f, offset := r.Region()
	if f == nil {
		t.Fatal("no file")
	}
	if err := os.Truncate(f.Name(), offset+50_000); err != nil {
		t.Fatal(err)
	}
	if err := r.Prefetch(context.Background(), 0, 40_000); err != nil {
		t.Error(err)
	}
	if err := r.Prefetch(context.Background(), 0, size); !errors.Is(err, io.EOF) {
		t.Errorf("of a file that was cut: %v", err)
	}
}
