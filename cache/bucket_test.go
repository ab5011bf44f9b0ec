package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// objects is a bucket in memory that misbehaves where it is told to.
type objects struct {
	mu            sync.Mutex
	all           map[string][]byte
	opens, writes atomic.Int64
	// fault, unless nil, is what an Open does in place of reading. change changes what is read.
	fault  func(ctx context.Context) error
	change func([]byte) []byte
}

func (o *objects) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	o.opens.Add(1)
	o.mu.Lock()
	b, ok := o.all[name]
	fault, change := o.fault, o.change
	o.mu.Unlock()
	if fault != nil {
		if err := fault(ctx); err != nil {
			return nil, 0, err
		}
	}
	if !ok {
		return nil, 0, objectstore.ErrNone
	}
	if change != nil {
		b = change(bytes.Clone(b))
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (o *objects) Write(_ context.Context, name string, content *io.SectionReader, create bool) error {
	o.writes.Add(1)
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.all[name]; ok && create {
		return objectstore.ErrExists
	}
	o.all[name] = b
	return nil
}

func (o *objects) Remove(_ context.Context, name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, name)
	return nil
}

func (o *objects) misbehave(fault func(context.Context) error, change func([]byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault, o.change = fault, change
}

func (o *objects) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

// replica is a cache over a bucket that others share, and an origin that counts.
type replica struct {
	*Cache
	t     *testing.T
	fills atomic.Int64
	body  atomic.Pointer[string]
	// kept is what was reserved for reads and not given back.
	kept atomic.Int64
}

const bucketSource = "https://example.com/a.jpg"

func newReplica(t *testing.T, o *objects, clock *purge.Clock, admit BucketAdmit) *replica {
	t.Helper()
	store := objectstore.New(objectstore.Config{
		Objects: o, Patience: 100 * time.Millisecond, Pause: time.Millisecond,
	})
	c := newCache(t, Config{
		MaxBytes: 16 << 20, Clock: clock, Bucket: NewBucket(BucketConfig{Store: store, Admit: admit}),
	})
	r := &replica{Cache: c, t: t}
	body := "made"
	r.body.Store(&body)
	return r
}

// get asks for a key as the proxy does: the fill looks into the bucket first.
func (r *replica) get(key Key) (*Entry, Outcome) {
	r.t.Helper()
	e, o, err := r.Get(context.Background(), key,
		func(ctx context.Context, _ func() error, old *Entry) (*Entry, error) {
			shared, answer, release := r.FromBucket(ctx, Wanted{Key: key, Source: bucketSource}, old, r.reserve)
			if release != nil {
				defer release()
			}
			if answer {
				return shared, nil
			}
			r.fills.Add(1)
			body := []byte(*r.body.Load())
			now := time.Now()
			return &Entry{
				Key: key, Body: body, ContentType: "image/png", ETag: ETag(body), Source: bucketSource,
				Stored: now, Expires: now.Add(time.Hour), Seq: r.cfg.Clock.Applied(), Effort: SlowEffort,
			}, nil
		})
	if err != nil {
		r.t.Fatal(err)
	}
	return e, o
}

func (r *replica) reserve(_ context.Context, n int64) (func(), error) {
	r.kept.Add(n)
	return sync.OnceFunc(func() { r.kept.Add(-n) }), nil
}

// await waits until the bucket has counted so many writes with a result.
func (r *replica) await(result string, n uint64) {
	r.t.Helper()
	for range 1000 {
		if st, _ := r.BucketStats(); st.Writes[result] >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	st, _ := r.BucketStats()
	r.t.Fatalf("%d writes with the result %s: %v", n, result, st.Writes)
}

func (r *replica) reads() map[string]uint64 {
	st, _ := r.BucketStats()
	maps.DeleteFunc(st.Reads, func(_ string, n uint64) bool { return n == 0 })
	return st.Reads
}

func newClock(t *testing.T) *purge.Clock {
	t.Helper()
	clock, err := purge.Open(purge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return clock
}

// What one server made, another one has out of the bucket: it fills nothing itself.
func TestBucketSparesOthersTheFill(t *testing.T) {
	o, clock := &objects{all: map[string][]byte{}}, newClock(t)
	a, b := newReplica(t, o, clock, AdmitAll), newReplica(t, o, clock, AdmitAll)
	a.get("k")
	a.await("written", 1)
	e, outcome := b.get("k")
	if string(e.Body) != "made" || b.fills.Load() != 0 || outcome != Miss || !e.FromBucket() {
		t.Errorf("%q, %v, %d fills, %v", e.Body, outcome, b.fills.Load(), b.reads())
	}
	settle(b.Cache)
	if _, outcome := b.get("k"); outcome != Hit || o.writes.Load() != 1 || b.kept.Load() != 0 {
		t.Errorf("%v, %d writes, %d bytes reserved", outcome, o.writes.Load(), b.kept.Load())
	}
}

// Which results are written, by the rule of admission.
func TestBucketAdmission(t *testing.T) {
	for admit, want := range map[BucketAdmit][2]int64{AdmitAll: {1, 1}, AdmitSlow: {1, 1}, AdmitSecond: {0, 1}} {
		o := &objects{all: map[string][]byte{}}
		r := newReplica(t, o, newClock(t), admit)
		for i := range 2 {
			for range i*5 + 1 { // further requests change nothing
				r.get("k")
				settle(r.Cache)
			}
			if want[i] > 0 {
				r.await("written", 1)
			}
			if got := o.writes.Load(); got != want[i] {
				t.Errorf("%s: %d writes after request %d", BucketAdmitNames[admit], got, i+1)
			}
		}
	}
}

// No purge leaves an answer in the bucket, and what is made after it takes the place of the old record.
func TestBucketIsNotBelievedAgainstAPurge(t *testing.T) {
	o, clock := &objects{all: map[string][]byte{}}, newClock(t)
	a := newReplica(t, o, clock, AdmitAll)
	a.get("k")
	a.await("written", 1)
	for i, target := range []purge.Target{
		{Kind: purge.All}, {Kind: purge.Source, Value: bucketSource}, {Kind: purge.URL, Value: "k"},
	} {
		old := *a.body.Load()
		if _, err := a.Purge(purge.Hard, []purge.Target{target}); err != nil {
			t.Fatal(err)
		}
		fresh := newReplica(t, o, clock, AdmitAll)
		body := old + "+"
		a.body.Store(&body)
		fresh.body.Store(&body)
		if e, _ := fresh.get("k"); string(e.Body) != body || fresh.fills.Load() != 1 {
			t.Errorf("after the purge of %v: %q", target, e.Body)
		}
		fresh.await("written", 1)
		if e, _ := a.get("k"); string(e.Body) != body || a.fills.Load() != 1 {
			t.Errorf("purge %d: %q, %d fills, %v", i, e.Body, a.fills.Load(), a.reads())
		}
		settle(a.Cache)
	}
}

// A purge that comes while a record is on its way holds for it, too.
func TestBucketPurgedOnItsWay(t *testing.T) {
	o, clock := &objects{all: map[string][]byte{}}, newClock(t)
	a := newReplica(t, o, clock, AdmitAll)
	a.get("k")
	a.await("written", 1)
	b := newReplica(t, o, clock, AdmitAll)
	body := "new"
	b.body.Store(&body)
	var once sync.Once
	o.misbehave(nil, func(record []byte) []byte {
		once.Do(func() {
			if _, err := b.Purge(purge.Hard, []purge.Target{{Kind: purge.All}}); err != nil {
				t.Error(err)
			}
		})
		return record
	})
	if e, _ := b.get("k"); string(e.Body) != "new" {
		t.Errorf("%q, %v", e.Body, b.reads())
	}
}

// A record of another order of purges may have missed some.
func TestBucketOfAnotherLog(t *testing.T) {
	o := &objects{all: map[string][]byte{}}
	a, b := newReplica(t, o, newClock(t), AdmitAll), newReplica(t, o, newClock(t), AdmitAll)
	a.get("k")
	a.await("written", 1)
	b.get("k")
	if reads := b.reads(); b.fills.Load() != 1 || reads["unvouched"] != 1 {
		t.Errorf("%d fills, %v", b.fills.Load(), reads)
	}
	b.await("written", 1)
}

// Whatever a bucket gives, what is not the very entry is a miss, and what is made then takes its place.
func TestBucketThatLies(t *testing.T) {
	o, clock := &objects{all: map[string][]byte{}}, newClock(t)
	a := newReplica(t, o, clock, AdmitAll)
	a.get("k")
	a.get("other")
	a.await("written", 2)
	other := o.all[recordName(bucketSource, "other")]
	for name, test := range map[string]struct {
		change func([]byte) []byte
		result string
	}{
		"cut":              {func(b []byte) []byte { return b[:len(b)-1] }, "broken"},
		"empty":            {func([]byte) []byte { return nil }, "broken"},
		"a flipped bit":    {func(b []byte) []byte { b[len(b)-9] ^= 1; return b }, "broken"},
		"of a later form":  {func(b []byte) []byte { b[7] = 2; return b }, "broken"},
		"a web page":       {func([]byte) []byte { return bytes.Repeat([]byte("<html>"), 1000) }, "broken"},
		"of another image": {func([]byte) []byte { return other }, "foreign"},
	} {
		o.misbehave(nil, test.change)
		b := newReplica(t, o, clock, AdmitAll)
		e, _ := b.get("k")
		if reads := b.reads(); string(e.Body) != "made" || b.fills.Load() != 1 || reads[test.result] != 1 {
			t.Errorf("%s: %q, %v", name, e.Body, reads)
		}
		b.await("written", 1)
		if b.kept.Load() != 0 {
			t.Errorf("%s: %d bytes stay reserved", name, b.kept.Load())
		}
	}
}

// A bucket that hangs or fails costs a few requests its patience, then none; it is used again when it is well.
func TestBucketThatFails(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	fail := func(context.Context) error { return errors.New("503") }
	for name, fault := range map[string]func(context.Context) error{"slow": hang, "failed": fail} {
		o, clock := &objects{all: map[string][]byte{}}, newClock(t)
		a := newReplica(t, o, clock, AdmitAll)
		a.get("k")
		a.await("written", 1)
		b := newReplica(t, o, clock, AdmitAll)
		b.cfg.Bucket.cfg.Store = objectstore.New(objectstore.Config{
			Objects: o, Patience: 20 * time.Millisecond, Pause: 50 * time.Millisecond,
		})
		o.misbehave(fault, nil)
		for i := range 20 {
			b.get(Key(rune('a' + i)))
		}
		reads := b.reads()
		if reads[name] != 5 || reads["paused"] != 15 || b.fills.Load() != 20 {
			t.Errorf("%s: %v, %d fills", name, reads, b.fills.Load())
		}
		o.misbehave(nil, nil)
		for range 1000 {
			if st, _ := b.BucketStats(); !st.ReadsPaused {
				break
			}
			time.Sleep(time.Millisecond)
			b.Purge(purge.Hard, []purge.Target{{Kind: purge.Tag, Value: "nothing"}})
			b.get("nothing")
			b.ram.Drop("nothing")
		}
		made := b.fills.Load()
		if e, _ := b.get("k"); string(e.Body) != "made" || b.fills.Load() != made {
			t.Errorf("%s: the bucket is well, and is not used: %v", name, b.reads())
		}
	}
}

// Memory that is not to be had costs the wait for it, and says nothing against the bucket.
func TestBucketWithoutMemoryToRead(t *testing.T) {
	o, clock := &objects{all: map[string][]byte{}}, newClock(t)
	a, b := newReplica(t, o, clock, AdmitAll), newReplica(t, o, clock, AdmitAll)
	a.get("k")
	a.await("written", 1)
	wait := func(ctx context.Context, _ int64) (func(), error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	for range 7 {
		if e, _, _ := b.FromBucket(context.Background(), Wanted{Key: "k", Source: bucketSource}, nil, wait); e != nil {
			t.Fatal("an entry without memory for it")
		}
	}
	if st, _ := b.BucketStats(); st.Reads["memory"] != 7 || st.ReadsPaused {
		t.Errorf("%v, paused: %v", b.reads(), st.ReadsPaused)
	}
}

// What depends on headers of a client stays where it was made.
func TestBucketHasNoResultsOfPassedHeaders(t *testing.T) {
	o, clock := &objects{all: map[string][]byte{}}, newClock(t)
	a := newReplica(t, o, clock, AdmitAll)
	private := Key("k").OfVariant("hash")
	for _, key := range []Key{private, private, "k"} {
		a.get(key)
		settle(a.Cache)
	}
	a.await("written", 1)
	if n := o.len(); n != 1 || o.opens.Load() != 1 {
		t.Errorf("%d records of 1, %d reads", n, o.opens.Load())
	}
}
