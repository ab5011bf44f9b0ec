package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// kept is a storage with pictures in it.
type kept struct {
	*storage
	t    *testing.T
	said bytes.Buffer
}

func keep(t *testing.T, state, dir string) *kept {
	t.Helper()
	k := &kept{t: t}
	cfg := &config.Serve{StateDir: state, CacheDir: dir, CacheDisk: 64 << 20, CacheSources: config.CacheShare}
	var err error
	if k.storage, err = openStorage(cfg, memory.Plan{}, slog.New(slog.NewTextHandler(&k.said, nil))); err != nil {
		t.Fatal(err)
	}
	if k.results != nil {
		<-k.results.Ready()
	}
	t.Cleanup(k.end)
	return k
}

// end is what a kill leaves, too: purges are on disk before they are answered.
func (k *kept) end() {
	if k.storage == nil {
		return
	}
	if k.results != nil {
		k.results.Close()
		k.sources.Close()
	}
	k.closeClock()
	k.closeFolder()
	k.storage = nil
}

const purgedSource, otherSource = "https://example.com/purged", "https://example.com/other"

// put keeps two pictures.
func (k *kept) put() {
	k.t.Helper()
	for _, source := range []string{purgedSource, otherSource} {
		now := time.Now()
		e := &cache.Entry{
			Key: cache.Key(source), Source: source, Body: []byte("picture"),
			ContentType: "image/png", ETag: cache.ETag([]byte("picture")),
			Seq: k.clock.Applied(), Stored: now, Expires: now.Add(time.Hour),
		}
		if !k.tiers()[0].Put(e) {
			k.t.Fatal("not kept")
		}
	}
}

// has tells which of the two could be served.
func (k *kept) has() (names string) {
	k.t.Helper()
	for _, source := range []string{purgedSource, otherSource} {
		e, ok := k.tiers()[0].Get(k.t.Context(), cache.Key(source))
		if !ok {
			continue
		}
		hard, _ := k.clock.Since(e.Seq, purge.Scope{Source: e.Source})
		if hard <= e.Seq {
			names += filepath.Base(source) + " "
		}
		e.Close()
	}
	return strings.TrimSpace(names)
}

func (k *kept) purge() {
	k.t.Helper()
	if _, err := k.clock.Purge(purge.Hard, []purge.Target{{Kind: purge.Source, Value: purgedSource}}); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kept) purgeRefused() {
	k.t.Helper()
	_, err := k.clock.Purge(purge.Hard, []purge.Target{{Kind: purge.Source, Value: purgedSource}})
	if !errors.Is(err, purge.ErrNoLog) {
		k.t.Errorf("a purge that could come back is not refused: %v", err)
	}
}

func (k *kept) want(what, names string) {
	k.t.Helper()
	if got := k.has(); got != names {
		k.t.Errorf("%s: %q can be served, want %q", what, got, names)
	}
}

// A run in which the state folder cannot be used: what was purged then does not
// come back when it can.
func TestStorageWithoutItsStateForARun(t *testing.T) {
	for _, purged := range []bool{false, true} {
		dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
		k := keep(t, state, dir)
		k.put()
		k.end()

		if err := os.Rename(state, state+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(state, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k = keep(t, state, dir)
		if said := k.said.String(); !strings.Contains(said, "purge log cannot be used: running without it") ||
			strings.Contains(said, "another process") {
			t.Error(said)
		}
		k.want("the old disk cache is void from the start", "")
		if purged {
			k.purge()
		}
		k.end()

		if err := errors.Join(os.Remove(state), os.Rename(state+".away", state)); err != nil {
			t.Fatal(err)
		}
		k = keep(t, state, dir)
		k.want("a run without the log", "")
		k.put()
		k.purge()
		k.end()
		keep(t, state, dir).want("the log after it is carried on", "other")
	}
}

// Two processes at once, as at a rolling restart: the second one can neither log a
// purge nor invalidate what the first one has, so it refuses to purge, and a third
// one takes over what the first one has.
func TestStorageOfTwoProcesses(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	first := keep(t, state, dir)
	first.put()
	second := keep(t, state, dir)
	if said := second.said.String(); second.tiers() != nil ||
		!strings.Contains(said, "purge log is in use by another process: running without it") ||
		!strings.Contains(said, "--state-dir") {
		t.Error(said)
	}
	if said := second.said.String(); !strings.Contains(said, "Purges are refused") {
		t.Error(said)
	}
	second.purgeRefused()
	first.want("the first one goes on", "purged other")
	first.end()

	third := keep(t, state, dir)
	third.want("nothing was purged", "purged other")
	second.purgeRefused() // it is there still
	second.end()
	third.purge()
	third.end()
	keep(t, state, dir).want("purged by the third one", "other")
}

// Two servers with folders of their own for the cache, and one state folder.
func TestStorageOfTwoServersWithOneStateFolder(t *testing.T) {
	dirs, state := []string{t.TempDir(), t.TempDir()}, t.TempDir()
	before := keep(t, state, dirs[1])
	before.put()
	before.end()
	one, two := keep(t, state, dirs[0]), keep(t, state, dirs[1])
	one.put()
	two.purge() // it has another clock, so it serves nothing of before
	one.end()
	two.end()
	keep(t, state, dirs[1]).want("purged", "")
}

// A server without any disk cache, and without a log that another one may have,
// purges in memory: nothing can come back.
func TestStorageWithoutACache(t *testing.T) {
	for _, log := range []bool{false, true} {
		state := t.TempDir()
		if log {
			keep(t, state, t.TempDir()).end()
		}
		if err := os.Mkdir(filepath.Join(state, "purge.lock"), 0o700); err != nil && !log {
			t.Fatal(err)
		} else if log {
			lock := filepath.Join(state, "purge.lock")
			if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
				t.Fatal(err)
			}
		}
		k := &kept{t: t}
		cfg := &config.Serve{StateDir: state, CacheDisk: config.CacheOff, CacheSources: config.CacheShare}
		var err error
		if k.storage, err = openStorage(cfg, memory.Plan{}, slog.New(slog.NewTextHandler(&k.said, nil))); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(k.end)
		if log {
			k.purgeRefused()
		} else {
			k.purge()
			if said := k.said.String(); strings.Contains(said, "disk cache") {
				t.Errorf("there is no disk cache: %s", said)
			}
		}
	}
}
