package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// cacheOver is a cache over a store on disk.
func cacheOver(t *testing.T, dir string, clock *purge.Clock) (c *Cache, end func()) {
	t.Helper()
	folder, store := openStore(t, dir, 64<<20)
	c, err := New(Config{MaxBytes: 8 << 20, Lower: []Tier{NewDiskTier(store, clock.ID())}, Clock: clock, Pixels: 3})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() { c.Close(); folder.Close() }
}

// fillWith has a cache make an entry of 10,000 bytes.
func fillWith(t *testing.T, c *Cache, key Key) {
	t.Helper()
	e, _, err := c.Get(context.Background(), key, func(context.Context, func() error, *Entry) (*Entry, error) {
		e := full(key, strings.Repeat("x", 10_000))
		e.Seq, e.Refresh = c.cfg.Clock.Applied(), time.Time{}
		return e, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Stored(context.Background(), e)
	e.Close()
}

// What was in the memory of one process is in that of the next one, but for what was purged meanwhile.
func TestHotKeysWarmTheNextProcess(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	clock := openClock(t, state)
	c, end := cacheOver(t, dir, clock)
	const entries = 50
	name := func(i int) Key { return Key(fmt.Sprint("key ", i)).OfVariant("vé") }
	for i := range entries {
		fillWith(t, c, name(i))
	}
	for i := entries - 1; i >= 0; i-- {
		c.GetFromRAM(name(i))
	}
	list := c.HotKeys()
	if keys, err := ReadHotKeys(list); err != nil || len(keys) != entries {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	end()
	if _, err := clock.Purge(purge.Hard, []purge.Target{{Kind: purge.URL, Value: "key 7"}}); err != nil {
		t.Fatal(err)
	}
	clock.Close()

	clock = openClock(t, state)
	defer clock.Close()
	c, end = cacheOver(t, dir, clock)
	defer end()
	keys, err := ReadHotKeys(list)
	if err != nil {
		t.Fatal(err)
	}
	if n := c.WarmUp(context.Background(), append(keys, "unknown")); n != entries-1 {
		t.Errorf("%d of %d were copied", n, entries-1)
	}
	for i := range entries {
		if _, ok := c.GetFromRAM(name(i)); ok == (i == 7) {
			t.Errorf("key %d in memory: %v", i, ok)
		}
	}
}

// A RAM tier that is full, or smaller than it was, gets no more than it has room for.
func TestWarmUpPushesNothingOut(t *testing.T) {
	clock := openClock(t, t.TempDir())
	defer clock.Close()
	c, end := cacheOver(t, t.TempDir(), clock)
	defer end()
	var keys []Key
	for i := range 60 {
		keys = append(keys, Key(fmt.Sprint(i)))
		fillWith(t, c, keys[i])
	}
	c.Resize(0)
	const room = 300_000
	c.Resize(room)
	if n := c.WarmUp(context.Background(), keys); n < 10 || n > 30 {
		t.Errorf("%d were copied into %d bytes", n, room)
	}
	if s := c.Stats(); s.Bytes > room || s.Rejected > 0 {
		t.Errorf("%+v", s)
	}
}

// A pause, however long after a large entry, ends with the caller and with the cache.
func TestThePauseOfAWarmUpEnds(t *testing.T) {
	clock := openClock(t, t.TempDir())
	defer clock.Close()
	c, end := cacheOver(t, t.TempDir(), clock)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c.pauseWarmUp(ctx, time.Hour) {
		t.Error("the caller has left, and the warm-up goes on")
	}
	if !c.pauseWarmUp(t.Context(), time.Millisecond) {
		t.Error("the pause is over, and the warm-up has ended")
	}
	end()
	if c.pauseWarmUp(t.Context(), time.Hour) {
		t.Error("the cache is closed, and the warm-up goes on")
	}
}

func openClock(t *testing.T, dir string) *purge.Clock {
	t.Helper()
	clock, err := purge.Open(purge.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return clock
}

// A list is as long as it may be, and is read as it was written.
func TestHotKeysAreBounded(t *testing.T) {
	var keys []Key
	for i := range maxHotKeys {
		keys = append(keys, Key(fmt.Sprint(strings.Repeat("k", 100), i)))
	}
	list := encodeHotKeys(keys, maxHotList)
	got, err := ReadHotKeys(list)
	if err != nil || len(list) > maxHotList || len(list) < maxHotList-200 || !slices.Equal(got, keys[:len(got)]) {
		t.Errorf("%d bytes, %d keys, %v", len(list), len(got), err)
	}
	for at := range list[:300] {
		list[at] ^= 1
		if _, err := ReadHotKeys(list); err == nil {
			t.Errorf("byte %d was changed", at)
		}
		list[at] ^= 1
	}
	if _, err := ReadHotKeys(list[:len(list)-1]); err == nil {
		t.Error("a byte is missing")
	}
}

// FuzzHotKeys: whatever is in the file of the keys is a list that would be written again as it is, or an error. The
// checksum is made right, or nothing else would ever be tried.
func FuzzHotKeys(f *testing.F) {
	f.Add([]byte("\"a\"\n\"b\\nc\"\n"))
	f.Add([]byte("\"a\"\n\n'b'\n`c`"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		for _, b := range [][]byte{lines, withSum(lines)} {
			if keys, err := ReadHotKeys(b); err == nil && string(encodeHotKeys(keys, maxHotList)) != string(b) {
				t.Fatalf("%q became %q", b, keys)
			}
		}
	})
}

func withSum(lines []byte) []byte {
	sum := sha256.Sum256(lines)
	return append([]byte(hotMark+hex.EncodeToString(sum[:])+"\n"), lines...)
}
