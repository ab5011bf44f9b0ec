package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
)

// stuck is a bucket whose writes hang until they are let go.
type stuck struct {
	*objects
	goOn chan struct{}
}

func (s *stuck) Write(ctx context.Context, name string, content *io.SectionReader, create bool) error {
	select {
	case <-s.goOn:
		return s.objects.Write(ctx, name, content, create)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What waits for a slow bucket is bounded, by the queue and by what is reserved for it; beyond that, results are not
// written, and no request notices. All is given back.
func TestWritesThatWaitAreBounded(t *testing.T) {
	const size, allowed = 64 << 10, 1 << 20
	o := &stuck{&objects{all: map[string][]byte{}}, make(chan struct{})}
	store := objectstore.New(objectstore.Config{Objects: o, Patience: 50 * time.Millisecond})
	c := newCache(t, Config{MaxBytes: 1 << 20, Clock: newClock(t),
		Bucket: NewBucket(BucketConfig{Store: store, Admit: AdmitAll})})
	r := &replica{Cache: c, t: t}
	body := strings.Repeat("x", size)
	r.body.Store(&body)
	fillMany := func(of string) (most int64) {
		for i := range 300 {
			r.get(Key(fmt.Sprint(of, i)))
			st, _ := r.BucketStats()
			most = max(most, st.QueuedBytes)
		}
		return most
	}
	if most := fillMany("free "); most > maxQueuedBytes || most < maxQueuedBytes/2 {
		t.Errorf("%d bytes waited", most)
	}
	var reserved atomic.Int64
	r.ReserveBucketWrites(func(n int64) (func(), bool) {
		if reserved.Add(n) > allowed {
			reserved.Add(-n)
			return nil, false
		}
		return func() { reserved.Add(-n) }, true
	})
	close(o.goOn)
	settle(c)
	for st, _ := r.BucketStats(); st.QueuedBytes > 0; st, _ = r.BucketStats() {
		time.Sleep(time.Millisecond)
	}
	o.goOn = make(chan struct{})
	// A result counts while it is being refused.
	if most := fillMany("reserved "); most > allowed+size {
		t.Errorf("%d bytes waited, of %d that may", most, allowed)
	}
	close(o.goOn)
	settle(c)
	for st, _ := r.BucketStats(); st.QueuedBytes > 0; st, _ = r.BucketStats() {
		time.Sleep(time.Millisecond)
	}
	if st, _ := r.BucketStats(); reserved.Load() != 0 || st.Writes["queue"] == 0 || st.Writes["written"] == 0 {
		t.Errorf("%d bytes stay reserved, %v", reserved.Load(), st.Writes)
	}
	if r.fills.Load() != 600 {
		t.Errorf("%d fills", r.fills.Load())
	}
}

// What is queued when a cache is closed is written.
func TestCloseWritesWhatIsQueued(t *testing.T) {
	o := &objects{all: map[string][]byte{}}
	r := newReplica(t, o, newClock(t), AdmitAll)
	for i := range 100 {
		r.get(Key(fmt.Sprint(i)))
	}
	r.Close()
	if n := o.len(); n != 100 {
		t.Errorf("%d of 100 results are in the bucket", n)
	}
}

// The record of a source that is gone is removed: no server shows it again.
func TestBucketForgetsWhatIsGone(t *testing.T) {
	o := &objects{all: map[string][]byte{}}
	store := objectstore.New(objectstore.Config{Objects: o, Patience: time.Second})
	var ahead atomic.Int64
	c := newCache(t, Config{
		MaxBytes: 16 << 20, Clock: newClock(t), Bucket: NewBucket(BucketConfig{Store: store, Admit: AdmitAll}),
		Classify: func(error) ErrorClass { return ErrorClass{For: time.Minute} },
		Now:      func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	made := newEntry("k", "made", time.Hour)
	made.Keep, made.Source = 24*time.Hour, bucketSource
	r := &replica{Cache: c, t: t}
	if _, _, err := c.Get(context.Background(), "k", makes(made)); err != nil {
		t.Fatal(err)
	}
	r.await("written", 1)
	settle(c)
	ahead.Store(int64(2 * time.Hour))
	_, _, err := c.Get(context.Background(), "k", func(context.Context, func() error, *Entry) (*Entry, error) {
		return nil, errors.New("404")
	})
	if err == nil {
		t.Error("the fill did not fail")
	}
	r.await("removed", 1)
	if o.len() != 0 {
		t.Error("the record is still there")
	}
}
