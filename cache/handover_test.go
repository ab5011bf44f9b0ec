package cache

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// handing is a cache whose clock another cache may have, too: what is handed over counts by the same purges.
func handing(t testing.TB, clock *purge.Clock) *Cache {
	t.Helper()
	c, err := New(Config{MaxBytes: 1 << 20, Clock: clock, Pixels: 3, Now: func() time.Time { return testsBegan }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func clockOfTest(t testing.TB) *purge.Clock {
	t.Helper()
	clock, err := purge.Open(purge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clock.Close() })
	return clock
}

func purgeAt(t testing.TB, clock *purge.Clock, mode purge.Mode, tag string) {
	t.Helper()
	if _, err := clock.Purge(mode, []purge.Target{{Kind: purge.Tag, Value: tag}}); err != nil {
		t.Fatal(err)
	}
}

// What one server hands over is an entry on another one, with all its facts, and counts from the purges on that its
// maker had applied.
func TestHandedOverEntries(t *testing.T) {
	t.Parallel()
	clock := clockOfTest(t)
	from, to := handing(t, clock), handing(t, clock)
	for range 9 {
		purgeAt(t, clock, purge.Hard, "other")
	}
	made := full("k", "body")
	head, ok := from.HeadOf(made, 8)
	if !ok {
		t.Fatal("not handed over")
	}
	e, size, ok := to.EntryOf(head, Wanted{Key: "k", Source: made.Source})
	want := made.metadata()
	want.Seq = 8 // since the fill began no purge has named it
	if !ok || size != 4 || !cmp.Equal(want, e, factsOnly) {
		t.Errorf("%v, %d: %s", ok, size, cmp.Diff(want, e, factsOnly))
	}
	for name, ask := range map[string][2]string{"key": {"other", made.Source}, "source": {"k", "https://b.example/"}} {
		if _, _, ok := to.EntryOf(head, Wanted{Key: Key(ask[0]), Source: ask[1]}); ok {
			t.Errorf("another %s's entry", name)
		}
	}
	if _, _, ok := handing(t, clockOfTest(t)).EntryOf(head, Wanted{Key: "k", Source: made.Source}); ok {
		t.Error("a server that shares no purges takes it")
	}
	purgeAt(t, clock, purge.Hard, "unrelated")
	if _, _, ok := to.EntryOf(head, Wanted{Key: "k", Source: made.Source}); !ok {
		t.Error("a purge of something else")
	}
	purgeAt(t, clock, purge.Soft, "a")
	if _, _, ok := to.EntryOf(head, Wanted{Key: "k", Source: made.Source}); ok {
		t.Error("what was purged later is taken")
	}
	if _, ok := from.HeadOf(made, 8); ok {
		t.Error("what was purged is handed over")
	}
	made.Seq = clock.Applied() // made anew
	head, ok = from.HeadOf(made, 8)
	if e, _, taken := to.EntryOf(head, Wanted{Key: "k", Source: made.Source}); !ok || !taken || e.Seq != made.Seq {
		t.Errorf("after the purge: %v, %v", ok, taken)
	}
}

// Entries that answer nobody else are not handed over.
func TestEntriesThatAreNotHandedOver(t *testing.T) {
	t.Parallel()
	c := handing(t, clockOfTest(t))
	for name, change := range map[string]func(*Entry){
		"private":           func(e *Entry) { e.NoStore = true },
		"on disk":           func(e *Entry) { e.Body = nil },
		"not fresh":         func(e *Entry) { e.Expires = testsBegan },
		"of other pixels":   func(e *Entry) { e.Pixels++ },
		"stored too late":   func(e *Entry) { e.Stored = testsBegan.Add(time.Hour) },
		"of no time at all": func(e *Entry) { e.Expires = time.Time{} },
	} {
		e := full("k", "body")
		e.Seq = 0
		if _, ok := c.HeadOf(e, 0); !ok {
			t.Fatal("one that is well")
		}
		change(e)
		if _, ok := c.HeadOf(e, 0); ok {
			t.Error(name)
		}
	}
}

func FuzzHandedHead(f *testing.F) {
	clock := clockOfTest(f)
	c := handing(f, clock)
	e := full("k", "body")
	e.Seq = 0
	head, ok := c.HeadOf(e, 0)
	if !ok {
		f.Fatal("no head")
	}
	f.Add(head)
	f.Add([]byte(strings.Replace(string(head), `"size":4`, `"size":-4`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, size, ok := c.EntryOf(b, Wanted{Key: "k", Source: e.Source})
		if ok && (size <= 0 || got.Key != "k" || got.Source != e.Source || got.Seq > clock.Applied()) {
			t.Errorf("%s: %+v, %d", b, got, size)
		}
	})
}
