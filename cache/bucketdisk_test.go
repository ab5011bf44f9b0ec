package cache

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// diskReplica is a replica that keeps its entries on disk alone. The caller ends it.
func diskReplica(t *testing.T, o *objects, clock *purge.Clock, dir, bucket string) (r *replica, end func()) {
	t.Helper()
	folder, disk := openStore(t, dir, 256<<20)
	store := objectstore.New(objectstore.Config{Objects: o, Patience: time.Minute})
	c, err := New(Config{
		Clock: clock, Lower: []Tier{NewDiskTier(disk, clock.ID())},
		Bucket: NewBucket(BucketConfig{Store: store, Name: bucket}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r = &replica{Cache: c, t: t}
	body := "made"
	r.body.Store(&body)
	return r, func() { c.Close(); folder.Close() }
}

// The bucket is asked and written to once for each result that it has, however many results there are, and after a
// restart, too.
func TestHitsOnDiskDoNotWriteAgain(t *testing.T) {
	const keys = len(doorkeeper{}) + 1000
	o, clock, dir := &objects{all: map[string][]byte{}}, newClock(t), t.TempDir()
	r, end := diskReplica(t, o, clock, dir, "first")
	getAll := func() {
		t.Helper()
		for i := range keys {
			e, _ := r.get(Key(fmt.Sprint("key ", i)))
			e.Close()
			if i%500 == 0 { // as much as may wait must not be waiting
				settle(r.Cache)
				for len(r.cfg.Bucket.queue.waiting) > 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}
		settle(r.Cache)
	}
	getAll()
	if n := o.writes.Load(); n != 0 {
		t.Fatalf("%d writes of what was asked for once", n)
	}
	asked := o.opens.Load()
	getAll()
	r.await("written", uint64(keys))
	for range 2 {
		getAll()
	}
	end()
	r, end = diskReplica(t, o, clock, dir, "first")
	getAll()
	end()
	if writes, opens := o.writes.Load(), o.opens.Load()-asked; writes != int64(keys) || opens != 0 {
		t.Errorf("%d writes and %d reads for %d results on disk", writes, opens, keys)
	}
	if r.fills.Load() != 0 {
		t.Errorf("%d fills after the restart", r.fills.Load())
	}
}

// What was in another bucket before is not in this one.
func TestHitsOnDiskFillAnotherBucket(t *testing.T) {
	clock, dir := newClock(t), t.TempDir()
	for _, bucket := range []string{"first", "second"} {
		o := &objects{all: map[string][]byte{}}
		r, end := diskReplica(t, o, clock, dir, bucket)
		for range 3 {
			e, _ := r.get("k")
			e.Close()
			settle(r.Cache)
		}
		r.await("written", 1)
		if end(); o.writes.Load() != 1 {
			t.Errorf("%s: %d writes", bucket, o.writes.Load())
		}
	}
}

// A record that was renewed while an older form of it was being written is not said to be in the bucket.
func TestARenewedRecordIsNotMarked(t *testing.T) {
	r, end := diskReplica(t, &objects{all: map[string][]byte{}}, newClock(t), t.TempDir(), "first")
	defer end()
	tier := r.cfg.Lower[0]
	e := newEntry("k", "body", time.Hour)
	tier.Put(e)
	renewed := e.Renew()
	renewed.Stored = e.Stored.Add(time.Minute)
	tier.Renew(renewed)
	e.sharedIn = "mark"
	tier.(sharedMarker).MarkShared(e)
	for _, want := range []string{"", "mark"} {
		have, ok := tier.Get(context.Background(), "k")
		if !ok || have.sharedIn != want || !have.Stored.Equal(renewed.Stored) {
			t.Fatalf("%+v, %v; want the mark %q", have, ok, want)
		}
		have.Close()
		renewed.sharedIn = "mark"
		tier.(sharedMarker).MarkShared(renewed)
	}
}
