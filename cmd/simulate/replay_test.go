package main

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
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

// What stands in for the disk store keeps what a real one keeps. The same requests are given to both, one after the
// other and without a RAM tier: that evicts at random, and has no time for some promotions, which varies by points.
func TestModelOfTheDiskIsTheDisks(t *testing.T) {
	o := testConfig(t)
	events := generateTrace(o.traceConfig)
	hits := map[bool]int{}
	for _, files := range []bool{false, true} {
		o.Files = files
		hits[files] = countDiskHits(t, o, events)
	}
	n := float64(len(events))
	if hits[true] == 0 || hits[true] == len(events) {
		t.Fatalf("nothing to compare: %v of %d", hits, len(events))
	}
	t.Logf("of %.0f requests, in the model %d hits, in files %d", n, hits[false], hits[true])
	if math.Abs(float64(hits[true]-hits[false]))/n > 0.005 {
		t.Errorf("of %.0f requests, in the model %d hits, in files %d", n, hits[false], hits[true])
	}
}

// countDiskHits gives events to the disk tier of one server.
func countDiskHits(t *testing.T, o options, events []event) (hits int) {
	t.Helper()
	var now atomic.Int64
	now.Store(traceStart)
	s := &server{serverConfig: o.serverConfig, now: &now}
	var err error
	if s.clock, err = purge.Open(purge.Config{Now: s.time}); err != nil {
		t.Fatal(err)
	}
	tier, err := s.openDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		key := cache.Key(fmt.Sprintf("w:%d/f:webp/plain/%s", e.variant, sourceURL(e.image)))
		found, ok := tier.Get(t.Context(), key)
		if ok {
			found.Close()
			hits++
			continue
		}
		bytes := o.sizes.result(e.image, e.variant, o.Variants)
		if !tier.Put(&cache.Entry{Key: key, ContentType: "image/webp", Source: sourceURL(e.image),
			Version: sourceURL(e.image), Body: body[:bytes:bytes], ETag: fmt.Sprintf("%q", key), Stored: s.time(),
			Expires: s.time().Add(day)}) {
			t.Fatalf("%s was not stored", key)
		}
	}
	tier.Close()
	if s.folder != nil {
		err = s.folder.Close()
	}
	if err = errors.Join(err, s.clock.Close()); err != nil {
		t.Error(err)
	}
	return hits
}

// Servers with real files answer a trace, too, and from their files.
func TestFilesAreReplayed(t *testing.T) {
	o := testConfig(t, "-files")
	f := replayOnce(t, o, unbounded, 2)
	if sum := f.RAMHits + f.DiskHits + f.Renewed + f.Transforms; sum != f.Requests || f.DiskHits == 0 {
		t.Errorf("%d of %d requests: %+v", sum, f.Requests, f)
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
