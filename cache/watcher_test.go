package cache

import (
	"context"
	"sync"
	"testing"
)

// told is a watcher that remembers what it was told last of each entry.
type told struct {
	mu     sync.Mutex
	moved  map[*Entry]bool
	landed map[*Entry]int
}

func (w *told) Moved(e *Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved[e] = e.Held()
}

func (w *told) Landed(e *Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.landed[e]++
}

func (w *told) held(e *Entry) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved[e]
}

// The watcher is told when the RAM tier takes an entry and when it lets go of it,
// by whatever way, and once when its fill is over.
func TestTheWatcherIsToldWhatTheRAMTierHas(t *testing.T) {
	for name, leave := range map[string]func(*Cache, *Entry){
		"dropped":   func(c *Cache, e *Entry) { c.dropEverywhere(e.Key) },
		"forgotten": func(c *Cache, e *Entry) { c.ram.dropExact(e) },
		"no room":   func(c *Cache, _ *Entry) { c.Resize(1) },
		"replaced":  func(c *Cache, e *Entry) { c.ram.Put(full(e.Key, "other")) },
		"closed":    func(c *Cache, _ *Entry) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := &told{moved: map[*Entry]bool{}, landed: map[*Entry]int{}}
			c, err := New(Config{MaxBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Watch(w)
			made := full("k", "body")
			e, _, err := c.Get(context.Background(), "k", makes(made))
			if err != nil || e != made {
				t.Fatal(e, err)
			}
			if got := c.Stored(context.Background(), e); got != e || !e.Held() || !w.held(e) {
				t.Errorf("stored: %v, held %v, told %v", got == e, e.Held(), w.held(e))
			}
			leave(c, e)
			c.Close()
			w.mu.Lock()
			defer w.mu.Unlock()
			if e.Held() || w.moved[e] || w.landed[e] != 1 {
				t.Errorf("left: held %v, told %v, landed %d times", e.Held(), w.moved[e], w.landed[e])
			}
		})
	}
}

// An entry that the RAM tier does not take was never held; one that is renewed is
// held all the while.
func TestHeldByWhoever(t *testing.T) {
	w := &told{moved: map[*Entry]bool{}, landed: map[*Entry]int{}}
	c, err := New(Config{MaxBytes: 4 << 20, MaxEntryBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Watch(w)
	put := func(e *Entry) *Entry {
		t.Helper()
		if _, err := validateResult(e.Key, e, nil); err != nil {
			t.Fatal(err)
		}
		c.ram.Put(e)
		return e
	}
	if large := put(full("large", string(make([]byte, 2<<20)))); large.Held() || w.held(large) {
		t.Error("an entry that is too large is held")
	}
	old := put(full("k", "body"))
	again := put(old.Renew())
	if !old.Held() || !again.Held() {
		t.Errorf("renewed: the old one %v, the new one %v", old.Held(), again.Held())
	}
	c.dropEverywhere("k")
	if old.Held() || again.Held() {
		t.Errorf("dropped: the old one %v, the new one %v", old.Held(), again.Held())
	}
}
