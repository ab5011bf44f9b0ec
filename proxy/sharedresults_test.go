package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/proxy/budget"
)

// A shared result that there is no memory for is made here: no request was shed, and no metric says so.
func TestMemoryForASharedResultShedsNobody(t *testing.T) {
	r := newRig(t, nil)
	transforms := r.server.memory.Budgets.Transforms
	all := transforms.Stats().Capacity
	hold := func() *budget.Grant {
		g, err := transforms.Acquire(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	for range 3 { // the budget learns that grants are held for longer than the read below may wait
		g := hold()
		time.Sleep(20 * time.Millisecond)
		g.Release()
	}
	g := hold()
	reserve := r.server.shared().reserve(cacheRequest{})
	for bytes, want := range map[int64]error{all: budget.ErrSaturated, all + 1: budget.ErrTooLarge} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := reserve(ctx, bytes); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", bytes, err)
		}
		cancel()
	}
	g.Release()
	if st := transforms.Stats(); st.Declined != 2 {
		t.Errorf("%+v", st)
	}
	counted := regexp.MustCompile(`pictor_budget_(shed|too_large)_total\{budget="transforms".*\} [1-9]`)
	w := httptest.NewRecorder()
	r.server.Admin("").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081/metrics", nil))
	if m := counted.FindString(w.Body.String()); m != "" || w.Code != http.StatusOK {
		t.Error(m)
	}
}

// slowObjects is a bucket that does not answer, until it is told to.
type slowObjects struct {
	reading, most atomic.Int64
	goOn          chan struct{}
}

func (o *slowObjects) Open(context.Context, string) (io.ReadCloser, int64, error) {
	o.most.Store(max(o.most.Load(), o.reading.Add(1)))
	<-o.goOn
	o.reading.Add(-1)
	return nil, 0, objectstore.ErrNone
}

func (o *slowObjects) Write(context.Context, string, *io.SectionReader, bool) error { return nil }

func (o *slowObjects) Remove(context.Context, string) error { return nil }

// As many reads of the bucket are under way as the memory limit has room for, also after it has changed.
func TestReadsOfTheBucketFollowTheLimit(t *testing.T) {
	o := &slowObjects{goOn: make(chan struct{})}
	r := newRig(t, func(c *Config) {
		c.Plan.Fetches = 16
		c.Cache.Close()
		var err error
		c.Cache, err = cache.New(cache.Config{MaxBytes: 16 << 20, Clock: c.Clock, Classify: ClassifyError,
			Bucket: cache.NewBucket(cache.BucketConfig{Store: objectstore.New(objectstore.Config{
				Objects: o, Patience: slow,
			})})})
		if err != nil {
			t.Fatal(err)
		}
	})
	fetches := r.server.memory.Budgets.Fetches
	for _, limit := range []int64{16, 64} {
		fetches.Resize(limit)
		var reads sync.WaitGroup
		busy := func() uint64 {
			st, _ := r.cfg.Cache.BucketStats()
			return st.Reads["busy"]
		}
		before := busy()
		for i := range 40 {
			reads.Go(func() {
				r.cfg.Cache.FromBucket(t.Context(), cache.Wanted{Key: cache.Key(fmt.Sprint(i))}, nil, nil)
			})
		}
		want := limit / bucketReadShare
		r.until("all reads but a few are refused", func() bool { return busy()-before == 40-uint64(want) })
		r.until("the few are under way", func() bool { return o.reading.Load() == want })
		if n := fetches.Stats().InUse; n != want {
			t.Errorf("%d slots are in use for %d reads", n, want)
		}
		close(o.goOn)
		reads.Wait()
		r.until("all have ended", func() bool { return fetches.Stats().InUse == 0 })
		o.goOn = make(chan struct{})
	}
	close(o.goOn)
	if n := o.most.Load(); n != 16 {
		t.Errorf("%d reads at once", n)
	}
}
