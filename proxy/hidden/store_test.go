package hidden

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Max == 0 {
		cfg.Max = 1000
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func sourceOf(url string) Source {
	sum := sha256.Sum256([]byte(url))
	return Source{Hash: Hash(sum[:16]), URL: url}
}

// numbered is a source of any length, which no other number has.
func numbered(n int) Source {
	return sourceOf(fmt.Sprintf("https://photos.example/%d/%s.jpg", n, strings.Repeat("x", n%97)))
}

func add(t testing.TB, s *Store, want int, sources ...Source) {
	t.Helper()
	if added, err := s.Add(t.Context(), sources); err != nil || added != want {
		t.Fatalf("added %d, %v, want %d", added, err, want)
	}
}

func mustFind(t testing.TB, s *Store, sources ...Source) {
	t.Helper()
	for _, source := range sources {
		if url, err := s.Find(t.Context(), source.Hash); err != nil || url != source.URL {
			t.Errorf("%s: %q, %v", source.URL, url, err)
		}
	}
}

func logOf(dir string) string { return filepath.Join(dir, logName) }

func TestSourcesAreFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	s := open(t, Config{Dir: dir})
	long := sourceOf("https://example.com/" + strings.Repeat("y", MaxURL-20))
	all := []Source{sourceOf("a"), sourceOf("https://example.com/ü.jpg"), long, numbered(1), numbered(2)}
	add(t, s, 5, all...)
	add(t, s, 0, all...)
	add(t, s, 1, all[0], numbered(3), numbered(3), all[1])
	all = append(all, numbered(3))
	mustFind(t, s, all...)
	if _, err := s.Find(t.Context(), numbered(4).Hash); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	before := s.Stats()
	if info, err := os.Stat(logOf(dir)); err != nil || info.Size() != before.LogBytes || before.Sources != 6 {
		t.Errorf("%+v, %v", before, err)
	}
	if _, err := Open(Config{Dir: dir, Max: 10}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Add(t.Context(), all); !errors.Is(err, ErrLog) {
		t.Errorf("added to a closed store: %v", err)
	}
	if _, err := s.Find(t.Context(), all[0].Hash); !errors.Is(err, ErrLog) {
		t.Errorf("found in a closed store: %v", err)
	}
	s = open(t, Config{Dir: dir})
	mustFind(t, s, all...)
	if got := s.Stats(); got != before {
		t.Errorf("%+v became %+v", before, got)
	}
}

func TestBadSources(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	var many []Source
	for n := range maxWrite/MaxURL + 1 {
		many = append(many, sourceOf(fmt.Sprintf("%d%s", n, strings.Repeat("y", MaxURL-8))))
	}
	other := numbered(1)
	other.URL = "another"
	add(t, s, 1, numbered(1))
	for name, bad := range map[string][]Source{"empty": {numbered(2), {}}, "many": many,
		"same hash": {numbered(2), other}, "long": {numbered(2), sourceOf(strings.Repeat("z", MaxURL+1))}} {
		if added, err := s.Add(t.Context(), bad); !errors.Is(err, ErrBadSource) || added != 0 {
			t.Errorf("%s: %d, %v", name, added, err)
		}
	}
	if s.Stats().Sources != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

// As many as there may be: one more is refused, with all that came with it, and those that are
// there go on. A store for fewer than there are does not open.
func TestNoMoreThanMax(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Max: 3})
	add(t, s, 2, numbered(1), numbered(2))
	if _, err := s.Add(t.Context(), []Source{numbered(3), numbered(4)}); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
	add(t, s, 1, numbered(3), numbered(1))
	add(t, s, 0, numbered(1), numbered(2), numbered(3))
	if _, err := s.Add(t.Context(), []Source{numbered(4)}); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
	_ = s.Close()
	if _, err := Open(Config{Dir: dir, Max: 2}); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
	mustFind(t, open(t, Config{Dir: dir, Max: 3}), numbered(1), numbered(2), numbered(3))
}

// countingFile counts syncs.
type countingFile struct {
	logHandle
	syncs int
}

func (f *countingFile) Sync() error {
	f.syncs++
	return f.logHandle.Sync()
}

// Additions that wait at the same time share syncs, and each is found as soon as it is confirmed.
func TestAdditionsShareSyncs(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), Max: 2000})
	counting := &countingFile{logHandle: s.log.f}
	s.log.f = counting
	const clients, each = 100, 10
	var running sync.WaitGroup
	for c := range clients {
		running.Go(func() {
			for n := range each {
				mine := numbered(c*each + n)
				add(t, s, 1, mine)
				mustFind(t, s, mine)
				mustFind(t, s, numbered(c*each))
			}
		})
	}
	running.Wait()
	if s.Stats().Sources != clients*each {
		t.Errorf("%+v", s.Stats())
	}
	if counting.syncs > clients*each/4 {
		t.Errorf("%d syncs for %d additions of %d clients", counting.syncs, clients*each, clients)
	}
	t.Logf("%d syncs for %d additions of %d clients", counting.syncs, clients*each, clients)
}

// A context that has ended ends the wait.
func TestAdditionOfAClientThatLeft(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // the addition may be taken all the same
		if _, err := s.Add(ctx, []Source{numbered(1)}); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if n := s.Stats().Sources; n > 1 {
		t.Errorf("%d sources", n)
	}
}

// The index takes no more of the heap than IndexBytes says, whatever the number of sources.
func TestIndexTakesWhatIsStated(t *testing.T) {
	for _, n := range []int{20_000, 123_456} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		x := &index{}
		for i := range n {
			x.addPlace(sourceOf(fmt.Sprint(i)).Hash, int64(i+2)*align)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
		if each > IndexBytes {
			t.Errorf("%d sources take %.1f bytes each, more than %d", n, each, IndexBytes)
		}
		t.Logf("%d sources: %.1f bytes each", n, each)
		for i := range n {
			places := x.placesOf(sourceOf(fmt.Sprint(i)).Hash)
			if len(places) == 0 || places[0] != int64(i+2)*align {
				t.Fatalf("%d is at %v", i, places)
			}
		}
		if x.count != n || len(x.placesOf(sourceOf("none").Hash)) > 0 {
			t.Errorf("%d counted", x.count)
		}
	}
}
