package hidden

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// threeSources are a log with three records, and where each of them ends.
func threeSources(t *testing.T) (log []byte, sources []Source, ends []int) {
	t.Helper()
	log = []byte(logHeader)
	for n := range 3 {
		source := numbered(n * 5)
		sources = append(sources, source)
		log = appendRecord(log, source)
		ends = append(ends, len(log))
	}
	return log, sources, ends
}

func openBytes(t *testing.T, log []byte) (*Store, string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(logOf(dir), log, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Dir: dir, Max: 10})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, dir, err
}

// Wherever a crash cuts off a log, with or without zeros of a file that was made longer, the
// records before are there, and the log goes on.
func TestLogsThatWereCutOff(t *testing.T) {
	log, sources, ends := threeSources(t)
	for cut := len(logHeader); cut <= len(log); cut++ {
		tails := [][]byte{make([]byte, 13), []byte("PHS\x01\xff\xff\x00\x00, and no record"),
			log[len(log)-recordHeader:]}
		for _, tail := range [][]byte{nil, tails[cut%len(tails)]} {
			data := slices.Concat(log[:cut], tail)
			s, dir, err := openBytes(t, data)
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			whole := 0 // zeros at the end of a record may come by themselves
			for whole < 3 && bytes.HasPrefix(data, log[:ends[whole]]) {
				whole++
			}
			mustFind(t, s, sources[:whole]...)
			if got := s.Stats().Sources; got != whole {
				t.Fatalf("cut at %d: %d sources, want %d", cut, got, whole)
			}
			add(t, s, 3-whole, sources...)
			_ = s.Close()
			if got, err := os.ReadFile(logOf(dir)); err != nil || !bytes.Equal(got, log) {
				t.Fatalf("cut at %d: the log became %q, %v", cut, got, err)
			}
		}
	}
}

// A changed bit costs the record that it is in, and no other; it is never read as something else. The
// source can be added again.
func TestChangedBitsCostOneRecord(t *testing.T) {
	log, sources, ends := threeSources(t)
	for at := len(logHeader); at < len(log); at++ {
		damaged := bytes.Clone(log)
		damaged[at] ^= 1 << (at % 8)
		s, _, err := openBytes(t, damaged)
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		hit := 0
		for ends[hit] <= at {
			hit++
		}
		for n, source := range sources {
			if url, err := s.Find(t.Context(), source.Hash); n == hit && err == nil || n != hit && url != source.URL {
				t.Fatalf("byte %d, source %d: %q, %v", at, n, url, err)
			}
		}
		add(t, s, 1, sources...)
		mustFind(t, s, sources...)
	}
}

// A record that is damaged while the store is open is an error, never another source, and can be
// added again.
func TestDamageWhileOpen(t *testing.T) {
	log, sources, ends := threeSources(t)
	s, dir, err := openBytes(t, log)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(logOf(dir), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("!"), int64(ends[1]-9)); err != nil {
		t.Fatal(err)
	}
	if url, err := s.Find(t.Context(), sources[1].Hash); !errors.Is(err, ErrLog) {
		t.Errorf("%q, %v", url, err)
	}
	add(t, s, 1, sources...)
	mustFind(t, s, sources...)
}

// What is no log, or is damaged to an extent that no crash explains, is left as it is.
func TestLogsThatAreLeftAlone(t *testing.T) {
	log, _, _ := threeSources(t)
	for name, bad := range map[string][]byte{
		"empty": {}, "other version": []byte("pictor-hidden 2\n"), "other file": []byte(strings.Repeat("x", 1000)),
		"cut header": log[:5], "long tail": slices.Concat(log, bytes.Repeat([]byte{7}, maxTail+1)),
	} {
		s, dir, err := openBytes(t, bad)
		if err == nil {
			t.Errorf("%s: opened with %d sources", name, s.Stats().Sources)
		}
		if got, _ := os.ReadFile(logOf(dir)); !bytes.Equal(got, bad) {
			t.Errorf("%s: changed", name)
		}
	}
}

// faultyFile fails where it is told to.
type faultyFile struct {
	logHandle
	write, sync, truncate error
	hang                  chan struct{} // Sync and ReadAt wait for it; nil for not
}

// Write writes a half before it fails.
func (f *faultyFile) Write(b []byte) (int, error) {
	if f.write != nil {
		n, _ := f.logHandle.Write(b[:len(b)/2])
		return n, f.write
	}
	return f.logHandle.Write(b)
}

func (f *faultyFile) Sync() error {
	if f.hang != nil {
		<-f.hang
	}
	if f.sync != nil {
		return f.sync
	}
	return f.logHandle.Sync()
}

func (f *faultyFile) ReadAt(b []byte, at int64) (int, error) {
	if f.hang != nil {
		<-f.hang
	}
	return f.logHandle.ReadAt(b, at)
}

func (f *faultyFile) Truncate(n int64) error {
	f.write, f.sync = nil, nil // what follows works
	if f.truncate != nil {
		return f.truncate
	}
	return f.logHandle.Truncate(n)
}

// An addition that cannot be written adds nothing and leaves the log as it was. Sources that are
// there are found and confirmed.
func TestAdditionsThatCannotBeWritten(t *testing.T) {
	for want, fault := range map[error]faultyFile{ErrDiskFull: {write: syscall.ENOSPC}, ErrLog: {sync: syscall.EIO}} {
		dir := t.TempDir()
		s := open(t, Config{Dir: dir})
		add(t, s, 1, numbered(1))
		before, _ := os.ReadFile(logOf(dir))
		fault.logHandle = s.log.f
		s.log.f = &fault
		if added, err := s.Add(t.Context(), []Source{numbered(1), numbered(2)}); !errors.Is(err, want) || added != 0 {
			t.Errorf("%d, %v, want %v", added, err, want)
		}
		if _, err := s.Find(t.Context(), numbered(2).Hash); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v", err)
		}
		if after, _ := os.ReadFile(logOf(dir)); !bytes.Equal(after, before) {
			t.Errorf("log is %q", after)
		}
		add(t, s, 0, numbered(1))
		add(t, s, 1, numbered(2))
		mustFind(t, s, numbered(1), numbered(2))
	}
}

// Where a failed write cannot be taken back nothing is written any more, until the log is opened anew.
func TestLogWhoseEndIsNotKnown(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	add(t, s, 1, numbered(1))
	s.log.f = &faultyFile{logHandle: s.log.f, write: syscall.ENOSPC, truncate: syscall.EIO}
	for range 2 {
		if _, err := s.Add(t.Context(), []Source{numbered(2)}); err == nil {
			t.Error("added")
		}
	}
	add(t, s, 0, numbered(1))
	mustFind(t, s, numbered(1))
	_ = s.Close()
	s = open(t, Config{Dir: dir})
	add(t, s, 1, numbered(2))
	mustFind(t, s, numbered(1), numbered(2))
}

// A disk that hangs is waited for within bounds, also by as many as like to. When it responds again all goes on,
// and the addition that was begun has taken effect.
func TestDiskThatHangs(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), timeout: 5 * time.Millisecond, readTimeout: 5 * time.Millisecond})
	add(t, s, 1, numbered(1))
	disk := make(chan struct{})
	s.log.f = &faultyFile{logHandle: s.log.f, hang: disk}
	for n := range 3 * maxReads {
		if _, err := s.Find(t.Context(), numbered(1).Hash); !errors.Is(err, ErrStalled) {
			t.Errorf("read %d: %v", n, err)
		}
	}
	for n := range 3 {
		if _, err := s.Add(t.Context(), []Source{numbered(2 + n)}); !errors.Is(err, ErrStalled) {
			t.Errorf("addition %d: %v", n, err)
		}
	}
	if _, err := s.Find(t.Context(), numbered(9).Hash); !errors.Is(err, ErrUnknown) {
		t.Errorf("a hash that is not there needs the disk: %v", err)
	}
	close(disk)
	s.cfg.timeout, s.cfg.readTimeout = time.Minute, time.Minute
	add(t, s, 2, numbered(2), numbered(3), numbered(4))
	mustFind(t, s, numbered(1), numbered(2), numbered(3), numbered(4))
}
