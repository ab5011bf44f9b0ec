package main

import (
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
)

func testConfig(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parseOptions(append([]string{"-requests", "6000", "-images", "2000", "-days", "1", "-scale", "0",
		"-ram", "1048576", "-disk", "8388608"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func replayOnce(t *testing.T, o options, kind balancing, servers int) figures {
	t.Helper()
	f, err := replayTrace(o.config, generateTrace(o.traceConfig), kind, servers, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What stands in for the disk store keeps what a real one keeps.
func TestModelOfTheDiskIsTheDisks(t *testing.T) {
	o := testConfig(t)
	model := replayOnce(t, o, unbounded, 2)
	o.Files = true
	files := replayOnce(t, o, unbounded, 2)
	if files.DiskHits == 0 || files.Transforms == 0 {
		t.Fatalf("nothing to compare: %+v", files)
	}
	// The RAM tier evicts at random, and what it misses is on disk. Which promotions and writes there is time for
	// varies, on a busy machine by more than a point.
	ram := math.Abs(float64(model.RAMHits-files.RAMHits)) / float64(files.Requests)
	if all := math.Abs(model.hitRatio() - files.hitRatio()); all > 0.03 || ram > 0.1 {
		t.Errorf("model %+v\nfiles %+v", model, files)
	}
}

// The tiers count the bytes of results, although these share their memory.
func TestBodiesAreCounted(t *testing.T) {
	var now atomic.Int64
	s, err := openServer(serverConfig{RAM: 8 << 20, Disk: 64 << 20, TTL: day}, t.TempDir(), &now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const results, bytes = 300, 100_000
	for i := range uint32(results) {
		if o, _, err := s.get(request{result: result{image: i}, bytes: bytes, made: func() {}}); err != nil ||
			o != cache.Miss {
			t.Fatal(o, err)
		}
	}
	runtime.ReadMemStats(&after)
	st := s.cache.Stats()
	if st.Bytes < 7<<20 || st.Bytes > 8<<20 || st.Entries > 8<<20/bytes {
		t.Errorf("%d entries of %d bytes in a tier of 8 MiB", st.Entries, st.Bytes)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > results*bytes/4 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// Hits, renewals and transforms are all requests. A hashed trace hits more often than a random one, and a bucket saves
// transforms.
func TestFiguresAddUp(t *testing.T) {
	o := testConfig(t, "-ttl", "6h", "-purges", "50", "-source", "20000")
	of := map[balancing]figures{}
	for _, kind := range []balancing{random, hashed} {
		f := replayOnce(t, o, kind, 4)
		if sum := f.RAMHits + f.DiskHits + f.Renewed + f.Transforms; sum != f.Requests || f.Requests == 0 {
			t.Errorf("%s: %d of %d requests", kind, sum, f.Requests)
		}
		if f.Renewed == 0 || f.Revalidations == 0 {
			t.Errorf("%s: nothing expired: %+v", kind, f)
		}
		with := f.Bucket
		if with.Reads == 0 || with.Reads+with.Transforms != f.Transforms || with.Fetches > f.Fetches {
			t.Errorf("%s with a bucket: %+v, without %+v", kind, with, f)
		}
		of[kind] = f
	}
	if of[hashed].hitRatio() < of[random].hitRatio()+0.1 {
		t.Errorf("hit ratio %.3f hashed, %.3f at random", of[hashed].hitRatio(), of[random].hitRatio())
	}
}

// A result is made anew after a purge of its source, from a source that is fetched anew.
func TestPurgeIsReplayed(t *testing.T) {
	o := testConfig(t)
	events := []event{{image: 1}, {at: time.Second, image: 1}, {at: 2 * time.Second, image: 1, purge: true},
		{at: 3 * time.Second, image: 1}, {at: 4 * time.Second, image: 1}}
	o.Warm = 0
	f, err := replayTrace(o.config, events, random, 1, t.TempDir())
	if err != nil || f.Transforms != 2 || f.Fetches != 2 || f.RAMHits != 2 || f.Bucket.Transforms != 2 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for _, args := range []string{"-requests 0", "-swing 2", "-warm 1", "-servers 0", "-servers x", "-balance some",
		"x", "-weight 0", "-bound 100", "-disk -1", "-files -disk 0", "-zipf -1", "-variants 200"} {
		if _, err := parseOptions(strings.Fields(args)); err == nil {
			t.Errorf("%s was taken", args)
		}
	}
}
