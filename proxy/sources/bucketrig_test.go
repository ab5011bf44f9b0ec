package sources

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// objects is a bucket in memory. open, unless nil, is what its readers get.
type objects struct {
	mu   sync.Mutex
	all  map[string][]byte
	open func(ctx context.Context, b []byte) io.Reader
}

func (o *objects) Open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, ok := o.all[name]
	if !ok {
		return nil, 0, objectstore.ErrNone
	}
	if o.open != nil {
		return io.NopCloser(o.open(ctx, bytes.Clone(b))), int64(len(b)), nil
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (o *objects) Write(_ context.Context, name string, content *io.SectionReader, create bool) error {
	b, err := io.ReadAll(content)
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.all[name]; ok && create {
		return objectstore.ErrExists
	}
	o.all[name] = b
	return err
}

func (o *objects) Remove(_ context.Context, name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, name)
	return nil
}

// clear removes all, and reports how many that were.
func (o *objects) clear() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.all)
	clear(o.all)
	return n
}

// picture is what the origin of a sharing rig has.
var picture = picturetest.JPEG(picturetest.Photo(64, 48, 1), 80)

// sharing are stores that share a bucket, an order of purges, a clock and an origin.
type sharing struct {
	t       *testing.T
	objects *objects
	origin  *httptest.Server
	// sent and confirmed count the origin's answers. before, unless nil, is called before each.
	sent, confirmed atomic.Int64
	before          func()
	header          http.Header
	admit           cache.BucketAdmit
	now             atomic.Int64
	first           *Store
}

func newSharing(t *testing.T) *sharing {
	s := &sharing{t: t, objects: &objects{all: map[string][]byte{}}, admit: cache.AdmitAll,
		header: http.Header{"Cache-Control": {"max-age=600"}, "Etag": {`"v1"`}}}
	s.now.Store(time.Now().UnixNano())
	s.origin = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.before != nil {
			s.before()
		}
		for name, values := range s.header {
			w.Header()[name] = values
		}
		if r.Header.Get("If-None-Match") == w.Header().Get("ETag") && r.Header.Get("If-None-Match") != "" {
			s.confirmed.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.sent.Add(1)
		w.Write(picture)
	}))
	t.Cleanup(s.origin.Close)
	return s
}

// pass lets time pass.
func (s *sharing) pass(d time.Duration) { s.now.Add(int64(d)) }

// newStore makes another store, as change has it.
func (s *sharing) newStore(change func(*Config)) *Store {
	store := newTestStoreWith(s.t, func(c *Config) {
		c.Now = func() time.Time { return time.Unix(0, s.now.Load()) }
		if s.first != nil {
			c.Clock = s.first.cfg.Clock
		}
		c.Bucket = cache.NewSourceBucket(cache.BucketConfig{Admit: s.admit, Name: "bucket",
			Store: objectstore.New(objectstore.Config{Objects: s.objects, Patience: slow})})
		change(c)
	})
	if s.first == nil {
		s.first = store
	}
	return store
}

func (s *sharing) request() Request {
	return Request{URL: s.origin.URL + "/a", Identity: s.origin.URL + "/a", Queue: budget.NewQueueWait(slow)}
}

// acquire uses a source as a fill does, and waits until nobody has it any more.
func (s *sharing) acquire(store *Store, w Request) {
	s.t.Helper()
	src, err := store.Acquire(s.t.Context(), w)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := src.Load(s.t.Context(), w.Queue); err != nil {
		s.t.Fatal(err)
	}
	if b, err := src.data.Bytes(); err != nil || !bytes.Equal(b, picture) {
		s.t.Fatalf("%d bytes, %v", len(b), err)
	}
	src.data.Release()
	src.Release()
	s.until("the source to be left", func() bool { return store.Stats().Open == 0 })
}

func (s *sharing) until(what string, is func() bool) {
	s.t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	s.t.Fatalf("%s did not come", what)
}

// written waits until a store has so many writes with a result.
func (s *sharing) written(store *Store, result string, n uint64) {
	s.t.Helper()
	s.until("a write: "+result, func() bool { return store.cfg.Bucket.Stats().Writes[result] == n })
}

// expect compares how the sources of a store were obtained.
func (s *sharing) expect(store *Store, want Stats) {
	s.t.Helper()
	got := store.Stats()
	want.FetchedBytes = want.Fetched * uint64(len(picture))
	if got != want {
		s.t.Errorf("%+v, want %+v; reads: %v", got, want, store.cfg.Bucket.Stats().Reads)
	}
	s.until("the memory to be free", func() bool { return store.cfg.Bytes.Stats().InUse == 0 })
}
