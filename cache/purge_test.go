package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// world is origins whose pictures change, and a cache of what was made of them.
type world struct {
	t        *rapid.T
	dir      string
	slots    uint64
	disk     int64 // its bound; six records of a block each want more than 5
	folder   *diskstore.Folder
	clock    *purge.Clock
	cache    *Cache
	ahead    atomic.Int64
	mu       sync.Mutex
	versions [sourceCount]int // what the origin has now
	least    map[Key]int      // what is an answer since the last hard purge
	held     chan struct{}    // fills wait for it, where there is one
	failing  bool             // the origins do not answer
	begun    atomic.Uint64
	wg       sync.WaitGroup
}

const sourceCount, sizeCount = 3, 2

func (w *world) now() time.Time { return time.Unix(2e9+w.ahead.Load(), 0) }

func (w *world) open() {
	var err error
	if w.folder, err = diskstore.OpenFolder(filepath.Join(w.dir, "cache")); err != nil {
		w.t.Fatal(err)
	}
	s, err := w.folder.Open("results", diskstore.Config{MaxBytes: w.disk, StallTimeout: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	<-s.Ready()
	state, checkpoint := filepath.Join(w.dir, "state"), filepath.Join(w.folder.Path(), "checkpoint")
	if w.clock, err = purge.Open(purge.Config{Dir: state, Checkpoint: checkpoint}); err != nil {
		w.t.Fatal(err)
	}
	cfg := Config{
		MaxBytes: 20_000, Clock: w.clock, Now: w.now, Classify: classes, StaleWait: time.Minute,
		Lower: []Tier{NewDiskTier(s, w.clock.ID())},
	}
	if w.slots > 0 { // all of a few slots, and nothing tells them apart there
		cfg.hash = func(key string) (uint64, uint64) { return uint64(key[len(key)-1]) % w.slots, 1 }
	}
	if w.cache, err = New(cfg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.release()
	w.wg.Wait()
	w.cache.Close()
	w.clock.Close()
	w.folder.Close()
}

func (w *world) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}

func keyOf(source, size int) Key { return Key(fmt.Sprintf("w:%d/plain/%s", size, sourceOf(source))) }

func sourceOf(i int) string { return fmt.Sprintf("https://host%d.example/dir%d/a", i%2, i) }

func tagsOf(i int) []string { return []string{fmt.Sprint("tag", i), "all"} }

// fill is as proxy's: what the clock said is read before the origin is asked.
func (w *world) fill(source int, key Key) Fill {
	return func(_ context.Context, commit func() error, _ *Entry) (*Entry, error) {
		if err := commit(); err != nil {
			return nil, err
		}
		w.mu.Lock()
		seq, version, held := w.clock.Applied(), w.versions[source], w.held
		w.mu.Unlock()
		w.begun.Add(1)
		if held != nil {
			<-held
		}
		w.mu.Lock()
		failing := w.failing
		w.mu.Unlock()
		if failing {
			return nil, errPassing
		}
		body := []byte(fmt.Sprintf("%s|%d|%s", key, version, strings.Repeat("x", 500)))
		return &Entry{Key: key, Body: body, ETag: ETag(body), Expires: w.now().Add(10 * time.Second),
			StaleWhile: 10 * time.Second, StaleError: 30 * time.Second, Keep: time.Minute,
			Source: sourceOf(source), Version: fmt.Sprint(version), Tags: tagsOf(source), Seq: seq}, nil
	}
}

// under grows with each get that is as far as to wait, or has its answer.
func (w *world) under() uint64 {
	s := w.cache.Stats()
	return w.begun.Load() + s.Hits + s.Collapsed + s.Stale + s.StaleErrors + s.Remembered
}

// get asks for a picture, and looks at the answer.
func (w *world) get(source, size int) {
	key := keyOf(source, size)
	w.mu.Lock()
	least := w.least[key]
	w.mu.Unlock()
	e, outcome, err := w.cache.Get(context.Background(), key, w.fill(source, key))
	if errors.Is(err, errPassing) {
		return
	}
	if err != nil {
		w.t.Errorf("%s: %v", key, err)
		return
	}
	defer e.Close()
	b := make([]byte, e.Size())
	if _, err := e.Content().Read(b); err != nil {
		w.t.Errorf("%s: %v", key, err)
		return
	}
	parts := bytes.SplitN(b, []byte("|"), 3)
	var version int
	fmt.Sscan(string(parts[1]), &version)
	if string(parts[0]) != string(key) || e.ETag != ETag(b) {
		w.t.Errorf("%s: the bytes of %s", key, parts[0])
	}
	if version < least {
		w.t.Errorf("%s: %v of version %d, and %d was purged", key, outcome, version, least-1)
	}
}

// purge purges something, and remembers what is no answer any more.
func (w *world) purge(mode purge.Mode, source, size int) {
	target, names := w.target(source, size)
	w.mu.Lock()
	now := w.versions
	w.mu.Unlock()
	if _, err := w.cache.Purge(mode, []purge.Target{target}); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if mode != purge.Hard {
		return
	}
	for s := range sourceCount {
		for z := range sizeCount {
			if names(s, z) {
				w.least[keyOf(s, z)] = max(w.least[keyOf(s, z)], now[s])
			}
		}
	}
}

func (w *world) target(source, size int) (purge.Target, func(s, z int) bool) {
	same := func(s, _ int) bool { return s == source }
	switch rapid.IntRange(0, 5).Draw(w.t, "kind") {
	case 0:
		return purge.Target{Kind: purge.URL, Value: PurgeName(keyOf(source, size))},
			func(s, z int) bool { return s == source && z == size }
	case 1:
		return purge.Target{Kind: purge.Source, Value: sourceOf(source)}, same
	case 2:
		return purge.Target{Kind: purge.Tag, Value: fmt.Sprint("tag", source)}, same
	case 3:
		return purge.Target{Kind: purge.Prefix, Value: sourceOf(source)[:len("https://host0.example/dir")]},
			func(s, _ int) bool { return s%2 == source%2 }
	case 4:
		return purge.Target{Kind: purge.Host, Value: fmt.Sprintf("host%d.example", source%2)},
			func(s, _ int) bool { return s%2 == source%2 }
	}
	return purge.Target{Kind: purge.All}, func(int, int) bool { return true }
}

// operations are what may happen in the world, the likely ones several times.
var operations = []string{
	"get", "get", "get", "later", "later", "later", "later", "later", "release", "change", "change",
	"purge", "purge", "purge", "soft", "evict", "restart", "lose", "pause", "break", "mend",
}

// Fill, get, purge, evict, restart, in any order, also at the same time: no
// answer is older than a purge that was in force when it was asked for, and
// none has the bytes of another key.
func TestNoAnswerIsOlderThanAPurge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pictor-test")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := &world{t: t, dir: dir, least: map[Key]int{}, slots: rapid.Uint64Range(0, 2).Draw(t, "slots")}
		w.disk = rapid.SampledFrom([]int64{1 << 20, 5 * 4 << 10}).Draw(t, "disk")
		w.open()
		defer func() { w.close() }()
		for range rapid.IntRange(10, 120).Draw(t, "steps") {
			source := rapid.IntRange(0, sourceCount-1).Draw(t, "source")
			size := rapid.IntRange(0, sizeCount-1).Draw(t, "size")
			switch op := rapid.SampledFrom(operations).Draw(t, "op"); op {
			case "get":
				w.release() // or it might wait for ever
				w.get(source, size)
			case "later": // it is on its way while other things happen
				w.mu.Lock()
				if w.held == nil {
					w.held = make(chan struct{})
				}
				w.mu.Unlock()
				before := w.under()
				w.wg.Go(func() { w.get(source, size) })
				for w.under() == before {
					runtime.Gosched()
				}
			case "release":
				w.release()
			case "change":
				w.mu.Lock()
				w.versions[source]++
				w.mu.Unlock()
			case "purge":
				w.purge(purge.Hard, source, size)
			case "soft":
				w.purge(purge.Soft, source, size)
			case "evict":
				w.cache.Resize(1000)
				w.cache.Resize(20_000)
			case "restart", "lose":
				w.close()
				if op == "lose" {
					if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
						t.Fatal(err)
					}
				}
				w.open()
			case "break", "mend":
				w.mu.Lock()
				w.failing = op == "break"
				w.mu.Unlock()
			case "pause":
				w.ahead.Add(rapid.Int64Range(1, 15).Draw(t, "seconds"))
			}
		}
	})
}

// What is purged stays so, however often it is looked at.
func TestAPurgeIsNotForgotten(t *testing.T) {
	for _, mode := range []purge.Mode{purge.Soft, purge.Hard} {
		clock, err := purge.Open(purge.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c := newCache(t, Config{MaxBytes: 1 << 20, Clock: clock})
		e := full("k", "b")
		e.Pixels, e.Seq = 0, 0
		if s := c.stateOf(e); s != fresh {
			t.Fatal(s)
		}
		if _, err := c.Purge(mode, []purge.Target{{Kind: purge.Tag, Value: "b"}}); err != nil {
			t.Fatal(err)
		}
		want := map[purge.Mode]state{purge.Soft: stale, purge.Hard: gone}[mode]
		for range 3 {
			if s := c.stateOf(e); s != want {
				t.Errorf("%v: %v, want %v", mode, s, want)
			}
		}
	}
}

// An entry from a lower tier is older than what has come into the RAM tier
// since it was found there.
func TestPromotionReplacesNothing(t *testing.T) {
	c := newCache(t, Config{MaxBytes: 1 << 20})
	c.ram.Put(full("k", "new"))
	if c.ram.putNew(full("k", "old")) {
		t.Error("it was replaced")
	}
	holds(t, c.ram, "k", full("k", "new"))
	if !c.ram.putNew(full("other", "old")) {
		t.Error("nothing is promoted")
	}
}

// BenchmarkPurge purges by tag in a cache of a million entries, with the log
// on disk. The issue is that it takes no longer than in an empty one.
func BenchmarkPurge(b *testing.B) {
	const million = 1_000_000
	clock, err := purge.Open(purge.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer clock.Close()
	c := newCache(b, Config{MaxBytes: 2 << 30, Clock: clock})
	for i := range million {
		e := newEntry(Key(fmt.Sprint("key ", i)), "small", time.Hour)
		e.Tags = []string{fmt.Sprint("tag", i%1000)}
		e.readState = &readState{}
		c.ram.rc.SetWithTTL(string(e.Key), e, e.Cost(), time.Hour)
		if i%1000 == 0 {
			c.ram.rc.Wait()
		}
	}
	c.ram.rc.Wait()
	var took []time.Duration
	i := 0
	for b.Loop() {
		start := time.Now()
		tag := purge.Target{Kind: purge.Tag, Value: fmt.Sprint("tag", i%1000)}
		if _, err := c.Purge(purge.Hard, []purge.Target{tag}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(c.Stats().Entries), "entries")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
