package cache

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// plant writes an entry into a bucket in the name of a server with a clock, as one can who may write there.
func (o *objects) plant(t *testing.T, clock *purge.Clock, e *Entry) {
	t.Helper()
	stamp, _ := clock.Stamp(clock.Applied())
	header, err := encodeHeader(e, stamp)
	if err != nil {
		t.Fatal(err)
	}
	record, err := diskstore.EncodeRecord(header, e.Body)
	if err != nil {
		t.Fatal(err)
	}
	if o.all[recordName(bucketSource, "k")], err = io.ReadAll(record); err != nil {
		t.Fatal(err)
	}
}

// What was planted in the bucket is a result of a known type that lives no longer than one of this server, or
// nothing.
func TestPlantedRecords(t *testing.T) {
	const most = time.Hour
	now := time.Now()
	for name, test := range map[string]struct {
		change func(*Entry)
		result string
		// used says that the entry is an answer, or may be found to be right.
		used bool
	}{
		"an image":         {func(*Entry) {}, "hit", true},
		"an SVG":           {func(e *Entry) { e.ContentType = "image/svg+xml" }, "hit", true},
		"JSON":             {func(e *Entry) { e.ContentType = "application/json" }, "hit", true},
		"a page":           {func(e *Entry) { e.ContentType = "text/html" }, "foreign", false},
		"a script":         {func(e *Entry) { e.ContentType = "application/javascript" }, "foreign", false},
		"no type":          {func(e *Entry) { e.ContentType = "" }, "foreign", false},
		"half a type":      {func(e *Entry) { e.ContentType = "image/" }, "foreign", false},
		"a type in a type": {func(e *Entry) { e.ContentType = "image/png, text/html" }, "foreign", false},
		"a header more":    {func(e *Entry) { e.ContentType = "image/png\r\nSet-Cookie: a=b" }, "foreign", false},
		"for ever":         {func(e *Entry) { e.Expires = now.AddDate(100, 0, 0) }, "hit", true},
		"of last year":     {func(e *Entry) { e.Stored = now.AddDate(-1, 0, 0) }, "outdated", false},
		"stale for ever":   {func(e *Entry) { e.StaleWhile, e.Expires = 1e6*time.Hour, now.Add(-2*most) }, "outdated", false},
		"of next year":     {func(e *Entry) { e.Stored, e.Expires = now.AddDate(1, 0, 0), now.AddDate(2, 0, 0) }, "hit", true},
		"without an ETag":  {func(e *Entry) { e.ETag = "" }, "foreign", false},
		"another's ETag":   {func(e *Entry) { e.ETag = ETag([]byte("other")) }, "broken", false},
		"another's key":    {func(e *Entry) { e.Key = "other" }, "foreign", false},
		"another's source": {func(e *Entry) { e.Source = "https://example.com/b.jpg" }, "foreign", false},
	} {
		clock := newClock(t)
		o := &objects{all: map[string][]byte{}}
		r := newReplica(t, o, clock, AdmitSecond)
		e := newEntry("k", "planted", most)
		e.Source, e.Stored = bucketSource, now
		test.change(e)
		o.plant(t, clock, e)
		wanted := Wanted{Key: "k", Source: bucketSource, Bound: func(e *Entry) {
			if end := e.Stored.Add(most); e.Expires.After(end) {
				e.Expires = end
			}
			e.StaleWhile = min(e.StaleWhile, most)
		}}
		got, answer, release := r.FromBucket(t.Context(), wanted, nil, r.reserve)
		if (got != nil) != test.used || r.reads()[test.result] != 1 {
			t.Errorf("%s: %+v, %v", name, got, r.reads())
		}
		if got != nil && answer && got.Expires.After(now.Add(most+time.Second)) {
			t.Errorf("%s: an answer until %v", name, got.Expires)
		}
		if got != nil && answer && name == "of next year" {
			t.Errorf("%s: an answer", name)
		}
		if release != nil {
			release()
		}
		if r.kept.Load() != 0 {
			t.Errorf("%s: %d bytes stay reserved", name, r.kept.Load())
		}
	}
}

// Only what is of no use to any server is replaced without a look, and only once.
func TestWhatIsReplacedUnseen(t *testing.T) {
	read := func(result string) func(*testing.T, *objects, *replica) {
		return func(t *testing.T, o *objects, r *replica) {
			e, _ := r.get("k")
			if string(e.Body) != "made" || r.reads()[result] != 1 {
				t.Fatalf("%q, %v", e.Body, r.reads())
			}
		}
	}
	for name, test := range map[string]struct {
		fault  func(context.Context) error
		change func([]byte) []byte
		read   func(*testing.T, *objects, *replica)
		want   bool
	}{
		"none there": {read: func(t *testing.T, o *objects, r *replica) {
			clear(o.all)
			read("none")(t, o, r)
		}},
		"slow":  {fault: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, read: read("slow")},
		"fails": {fault: func(context.Context) error { return errors.New("503") }, read: read("failed")},
		"no memory": {read: func(t *testing.T, _ *objects, r *replica) {
			none := func(context.Context, int64) (func(), error) { return nil, errors.New("none") }
			r.FromBucket(t.Context(), Wanted{Key: "k", Source: bucketSource}, nil, none)
			if r.reads()["memory"] != 1 {
				t.Fatal(r.reads())
			}
		}},
		"broken": {change: func(b []byte) []byte { return b[1:] }, read: read("broken"), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			o, clock := &stuck{&objects{all: map[string][]byte{}}, make(chan struct{})}, newClock(t)
			other := newReplica(t, o.objects, clock, AdmitAll)
			other.get("k")
			other.await("written", 1)
			c := newCache(t, Config{MaxBytes: 1 << 20, Clock: clock, Bucket: NewBucket(BucketConfig{Admit: AdmitAll,
				Store: objectstore.New(objectstore.Config{Objects: o, Patience: 100 * time.Millisecond})})})
			r := &replica{Cache: c, t: t}
			body := "made"
			r.body.Store(&body)
			o.misbehave(test.fault, test.change)
			test.read(t, o.objects, r)
			o.misbehave(nil, nil)
			if got := c.cfg.Bucket.replaced.has("k"); got != test.want {
				t.Errorf("replaced unseen: %v", got)
			}
			close(o.goOn)
			if test.want {
				r.await("written", 1)
				if c.cfg.Bucket.replaced.has("k") {
					t.Error("it would be replaced unseen once more")
				}
			}
		})
	}
}
