package diskstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		busy(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// unhurried is the patience of tests that are not about it: a machine may well
// stand still for a second.
const unhurried = time.Minute

// open opens a folder with one store, which has counted what is there.
func open(t testing.TB, dir string, cfg Config) (*Store, func()) {
	t.Helper()
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = unhurried
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Open("s", cfg)
	if err != nil {
		t.Fatal(err)
	}
	<-s.Ready()
	end := sync.OnceFunc(func() {
		s.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return s, end
}

// uncounted opens the store of a folder that nobody has, and does not count
// what is there: count does.
func uncounted(t testing.TB, dir string, cfg Config) (s *Store, count func()) {
	t.Helper()
	cfg.MaxRecords, cfg.Now, cfg.StallTimeout = max(cfg.MaxRecords, 10), time.Now, unhurried
	cfg.Log, cfg.maxPendingDrops = slog.New(slog.DiscardHandler), max(cfg.maxPendingDrops, 1)
	root, err := os.OpenRoot(filepath.Join(dir, storeDir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	s = newStore(cfg, root, "s")
	return s, func() {
		s.running.Add(1)
		s.scanRecords()
	}
}

func put(t testing.TB, s *Store, key, body string) {
	t.Helper()
	if err := s.Put(NameOf(key), []byte("header of "+key), strings.NewReader(body), int64(len(body))); err != nil {
		t.Fatal(err)
	}
}

// get gives what a key has; it fails where that is not whole.
func get(t testing.TB, s *Store, key string) (header, body string, ok bool) {
	t.Helper()
	r, ok := s.Get(context.Background(), NameOf(key))
	if !ok {
		return "", "", false
	}
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || int64(len(b)) != r.Size() {
		t.Errorf("%s: %d of %d bytes, %v", key, len(b), r.Size(), err)
	}
	return string(r.Header()), string(b), true
}

func want(t testing.TB, s *Store, key, body string) {
	t.Helper()
	if h, b, ok := get(t, s, key); !ok || h != "header of "+key || b != body {
		t.Errorf("%s: %v, %q, %.50q; want %.50q", key, ok, h, b, body)
	}
}

func wantNone(t testing.TB, s *Store, key string) {
	t.Helper()
	if h, b, ok := get(t, s, key); ok {
		t.Errorf("%s is there: %q, %.50q", key, h, b)
	}
}

// settle waits until what nobody waits for is done.
func settle(t testing.TB, s *Store) {
	t.Helper()
	for range 1000 {
		s.breaker.mu.Lock()
		n := s.breaker.background + s.breaker.stalled + s.breaker.stragglers
		s.breaker.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("something is never done")
}

// taken is what files below a folder take, in blocks of 4 KiB, but for the lock.
func taken(t testing.TB, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // it may have gone meanwhile
		}
		if st, err := e.Info(); err == nil {
			bytes += blocksOf(st.Size()) * block
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func fileOf(dir, key string) string {
	s := Store{name: "s"}
	return filepath.Join(dir, storeDir, s.recordPath(NameOf(key)))
}

func TestPutAndGet(t *testing.T) {
	dir := t.TempDir()
	s, end := open(t, dir, Config{MaxBytes: 64 << 20})
	bodies := map[string]string{
		"empty": "", "small": "x", "a block": strings.Repeat("b", block), "large": strings.Repeat("large", 1<<20),
	}
	for key, body := range bodies {
		put(t, s, key, body)
	}
	check := func(s *Store) {
		t.Helper()
		for key, body := range bodies {
			want(t, s, key, body)
		}
		wantNone(t, s, "another")
		if st := s.Stats(); st.Records != 4 || st.Bytes != taken(t, filepath.Join(dir, storeDir, "s")) ||
			st.Corrupt != 0 {
			t.Errorf("%+v", st)
		}
	}
	check(s)
	end()
	s, _ = open(t, dir, Config{MaxBytes: 64 << 20})
	check(s)
	put(t, s, "small", "another")
	bodies["small"] = "another"
	check(s)
	s.Drop(NameOf("small"))
	wantNone(t, s, "small")
	for _, n := range []int64{0, 3, 5} {
		if err := s.Put(NameOf("wrong"), nil, strings.NewReader("four"), n); err == nil {
			t.Errorf("a body of 4 bytes passes for %d", n)
		}
		wantNone(t, s, "wrong")
	}
	if n := taken(t, filepath.Join(dir, storeDir, tempDir)); n != 0 {
		t.Errorf("%d bytes are left unfinished", n)
	}
}

// Whatever becomes of a file: what it was, or nothing.
func TestBrokenRecords(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "k", "the body of a record")
	file := fileOf(dir, "k")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ends := preambleSize + len("header of k")
	try := func(what string, b []byte, harmless bool) {
		t.Helper()
		put(t, s, "k", "the body of a record") // as it was, and counted
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		before := s.Stats().Corrupt
		if harmless {
			want(t, s, "k", "the body of a record")
			return
		}
		wantNone(t, s, "k")
		if st := s.Stats(); st.Corrupt != before+1 || st.Records != 0 || st.Bytes != 0 {
			t.Errorf("%s: %+v", what, st)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: it is still there", what)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		// What lies behind the header, in its area, is nothing.
		try(fmt.Sprint("byte ", i), b, i >= ends && i < preambleSize+headerCapacity(len("header of k")))
	}
	for n := range whole {
		try(fmt.Sprint("cut at ", n), whole[:n], false)
	}
	try("longer", append(bytes.Clone(whole), 0), false)
}

func TestSetHeader(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	headers := []string{"shorter", strings.Repeat("longer", 40), strings.Repeat("much longer", 1000), "short again"}
	for _, h := range headers {
		r, ok := s.Get(context.Background(), NameOf("k"))
		if !ok {
			t.Fatal("not there")
		}
		if err := s.SetHeader(NameOf("k"), r, []byte(h)); err != nil {
			t.Error(err)
		}
		r.Close()
		if got, body, ok := get(t, s, "k"); !ok || got != h || body != "body" {
			t.Errorf("%v, %.20q, %q", ok, got, body)
		}
	}
	r, _ := s.Get(context.Background(), NameOf("k"))
	put(t, s, "k", "another body")
	if err := s.SetHeader(NameOf("k"), r, []byte("late")); err != nil {
		t.Error(err)
	}
	r.Close()
	want(t, s, "k", "another body")
}

func TestSetHeaderWhileOthersRead(t *testing.T) {
	s, _ := open(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 500 {
			r, ok := s.Get(context.Background(), NameOf("k"))
			if !ok {
				t.Error("lost")
				return
			}
			if err := s.SetHeader(NameOf("k"), r, bytes.Repeat([]byte{byte('a' + i%26)}, 1+i%200)); err != nil {
				t.Error(err)
			}
			r.Close()
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 500 {
				h, body, ok := get(t, s, "k")
				if !ok || body != "body" || !strings.HasPrefix(h, "header") && strings.Trim(h, h[:1]) != "" {
					t.Errorf("%v, %q, %q", ok, h, body)
					return
				}
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Corrupt != 0 {
		t.Errorf("%+v", st)
	}
}

// A disk that fails costs records, not answers, and is left alone for a while.
func TestADiskThatFails(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20, Now: func() time.Time { return now }})
	put(t, s, "before", "body")
	temp := filepath.Join(dir, storeDir, tempDir)
	if err := os.Remove(temp); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(NameOf("k"), nil, strings.NewReader("x"), 1); err == nil || errors.Is(err, ErrPaused) {
		t.Errorf("without a place to write: %v", err)
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(NameOf("k"), nil, strings.NewReader("x"), 1); !errors.Is(err, ErrPaused) {
		t.Errorf("so soon: %v", err)
	}
	want(t, s, "before", "body")
	now = now.Add(pauseFor)
	put(t, s, "k", "x")
	want(t, s, "k", "x")
	if st := s.Stats(); st.WriteErrors != 1 || st.Refused != 1 || st.Written != 2 {
		t.Errorf("%+v", st)
	}
	broken := errors.New("the source broke")
	body := io.MultiReader(strings.NewReader("x"), errReader{broken})
	if err := s.Put(NameOf("k"), nil, body, 2); !errors.Is(err, broken) {
		t.Error(err)
	}
	want(t, s, "k", "x")
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// Before all is counted records are found, and none is written.
func TestBeforeItIsCounted(t *testing.T) {
	dir := t.TempDir()
	s, end := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	end()
	s, count := uncounted(t, dir, Config{MaxBytes: 1 << 20})
	want(t, s, "k", "body")
	if err := s.Put(NameOf("x"), nil, strings.NewReader("x"), 1); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	count()
	want(t, s, "k", "body")
	if st := s.Stats(); st.Records != 1 || st.Bytes != taken(t, filepath.Join(dir, storeDir, "s")) {
		t.Errorf("counted %+v", st)
	}
}
