package sources

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// A source that one server has fetched another one takes from the bucket, with a disk and without. It is not written
// again for that.
func TestABucketSparesTheFetch(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"with a disk": func(*Config) {}, "without": func(c *Config) { c.Disk = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharing(t)
			a, b := s.newStore(change), s.newStore(change)
			s.acquire(a, s.request())
			s.written(a, "written", 1)
			s.until("the memory to be free", func() bool { return a.cfg.Bytes.Stats().InUse == 0 })
			s.acquire(b, s.request())
			s.expect(a, Stats{Fetched: 1})
			s.expect(b, Stats{FromBucket: 1})
			if b.cfg.Disk != nil {
				s.acquire(b, s.request())
				s.expect(b, Stats{FromBucket: 1, Stored: 1})
			}
			if st := b.cfg.Bucket.Stats(); st.Writes["written"]+st.Writes["present"] != 0 || st.Queued != 0 {
				t.Errorf("%v", st.Writes)
			}
		})
	}
}

// Which sources are written, by the rule of admission; what was written once is not written again after a restart.
func TestWhichSourcesABucketGets(t *testing.T) {
	for admit, want := range map[cache.BucketAdmit][2]int{
		cache.AdmitAll: {1, 1}, cache.AdmitSlow: {0, 0}, cache.AdmitSecond: {0, 1},
	} {
		s := newSharing(t)
		s.admit = admit
		a := s.newStore(func(*Config) {})
		for _, n := range want {
			s.acquire(a, s.request())
			s.written(a, "written", uint64(n))
		}
		s.expect(a, Stats{Fetched: 1, Stored: 1})
		again := s.newStore(func(c *Config) { c.Disk = a.cfg.Disk })
		s.acquire(again, s.request())
		again.cfg.Bucket.Close(t.Context())
		st := again.cfg.Bucket.Stats().Writes
		if st["present"]+st["written"] != 0 {
			t.Errorf("%s: after a restart: %v", cache.BucketAdmitNames[admit], st)
		}
	}
	s := newSharing(t)
	s.admit = cache.AdmitSlow
	a := s.newStore(func(*Config) {})
	s.before = func() { s.pass(cache.SlowFetch) }
	s.acquire(a, s.request())
	s.written(a, "written", 1)
}

// What is not fresh in the bucket its origin may confirm: then it need not send it. Where the bucket has lost it
// meanwhile, or it was changed, it is fetched.
func TestABucketsSourceIsConfirmed(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*sharing)
		want   Stats
	}{
		"unchanged": {func(*sharing) {}, Stats{Revalidated: 1}},
		"lost":      {func(s *sharing) { s.objects.clear() }, Stats{Fetched: 1}},
		"changed":   {func(s *sharing) { s.header.Set("Etag", `"v2"`) }, Stats{Fetched: 1}},
	} {
		for _, over := range []string{"its lifetime", "a purge"} {
			t.Run(name+" after "+over, func(t *testing.T) {
				s := newSharing(t)
				a, b := s.newStore(func(*Config) {}), s.newStore(func(*Config) {})
				s.acquire(a, s.request())
				s.written(a, "written", 1)
				if over == "its lifetime" {
					s.pass(time.Hour)
				} else if _, err := a.cfg.Clock.Purge(purge.Soft, []purge.Target{{Kind: purge.All}}); err != nil {
					t.Fatal(err)
				}
				s.before = func() { test.before(s) }
				s.acquire(b, s.request())
				s.expect(b, test.want)
				s.before = nil
				s.acquire(b, s.request())
				want := test.want
				want.Stored = 1
				s.expect(b, want)
			})
		}
	}
}

// A source that was purged is fetched, and takes the place of the old one in the bucket. So does a version that is
// newer than the one there.
func TestABucketsSourceIsPurged(t *testing.T) {
	s := newSharing(t)
	a, b := s.newStore(func(*Config) {}), s.newStore(func(*Config) {})
	s.acquire(a, s.request())
	s.written(a, "written", 1)
	source := purge.Target{Kind: purge.Source, Value: s.request().Identity}
	if _, err := a.cfg.Clock.Purge(purge.Hard, []purge.Target{source}); err != nil {
		t.Fatal(err)
	}
	s.acquire(b, s.request())
	s.written(b, "written", 1)
	s.expect(b, Stats{Fetched: 1})
	s.acquire(a, s.request())
	s.expect(a, Stats{Fetched: 1, FromBucket: 1})
	if _, err := a.cfg.Clock.Purge(purge.Hard, []purge.Target{{Kind: purge.All}}); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Second)
	s.acquire(b, s.request())
	s.written(b, "written", 2) // the same bytes once more
	s.acquire(a, s.request())
	s.expect(a, Stats{Fetched: 1, FromBucket: 2})
}

// A purge that comes while a source is on its way holds for it, too.
func TestASourceOfABucketIsPurgedOnItsWay(t *testing.T) {
	s := newSharing(t)
	a, b := s.newStore(func(*Config) {}), s.newStore(func(*Config) {})
	s.acquire(a, s.request())
	s.written(a, "written", 1)
	s.objects.open = func(_ context.Context, record []byte) io.Reader {
		if _, err := b.cfg.Clock.Purge(purge.Hard, []purge.Target{{Kind: purge.All}}); err != nil {
			t.Error(err)
		}
		return bytes.NewReader(record)
	}
	w := s.request()
	src, err := b.Acquire(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Release()
	if src.survivesPurges(w) && src.Meta().Seq < b.cfg.Clock.Applied() {
		t.Errorf("a source of sequence %d after the purge %d", src.Meta().Seq, b.cfg.Clock.Applied())
	}
}

// What a client's headers fetched, and what must not be stored, no other server gets, nor is it looked for.
func TestWhatABucketDoesNotGet(t *testing.T) {
	private := origin.PassedOf([]string{"Authorization"}, http.Header{"Authorization": {"Basic YTpi"}})
	for name, change := range map[string]func(*sharing, *Request){
		"passed headers": func(_ *sharing, w *Request) { w.Passed = private },
		"no-store":       func(s *sharing, _ *Request) { s.header.Set("Cache-Control", "no-store") },
		"private":        func(s *sharing, _ *Request) { s.header.Set("Cache-Control", "private") },
		"no lifetime":    func(s *sharing, _ *Request) { s.header.Set("Cache-Control", "no-cache") },
	} {
		s := newSharing(t)
		w := s.request()
		change(s, &w)
		a, b := s.newStore(func(*Config) {}), s.newStore(func(*Config) {})
		for range 2 {
			s.acquire(a, w)
			s.acquire(b, w)
		}
		a.cfg.Bucket.Close(t.Context())
		b.cfg.Bucket.Close(t.Context())
		if n := s.objects.clear(); n != 0 {
			t.Errorf("%s: %d objects", name, n)
		}
		if reads := b.cfg.Bucket.Stats().Reads; name == "passed headers" && reads["none"] != 0 {
			t.Errorf("%s: it was looked for: %v", name, reads)
		}
	}
}

// What was planted in the bucket is the source that its name says, with its own bytes and no more rights than a source
// of an origin, or it is fetched.
func TestPlantedSources(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Meta)
		result string
	}{
		"as it was":        {func(*Meta) {}, "hit"},
		"another's name":   {func(m *Meta) { m.ID += "b" }, "foreign"},
		"another identity": {func(m *Meta) { m.Identity += "b" }, "foreign"},
		"other bytes":      {func(m *Meta) { m.Version = "00000000000000000000000000000000" }, "broken"},
		"another length":   {func(m *Meta) { m.Size++ }, "foreign"},
		"half a header":    {func(m *Meta) { m.ETag = "\"a\"\r\nHost: b" }, "foreign"},
		"no-store":         {func(m *Meta) { m.NoStore = true }, "foreign"},
		"no version":       {func(m *Meta) { m.Version = "" }, "foreign"},
		"of next year":     {func(m *Meta) { m.Confirmed = m.Confirmed.AddDate(1, 0, 0) }, "outdated"},
		"due at the start": {func(m *Meta) { m.Spread = -1 }, "foreign"},
		"another log":      {func(m *Meta) { m.Log = "other" }, "unvouched"},
		"for ever": {func(m *Meta) {
			m.Freshness = origin.Freshness{Explicit: true, TTL: 1e6 * time.Hour,
				StaleError: origin.Window{Said: true, For: 1e6 * time.Hour}}
		}, "hit"},
	} {
		s := newSharing(t)
		a, b := s.newStore(func(*Config) {}), s.newStore(func(*Config) {})
		s.acquire(a, s.request())
		s.written(a, "written", 1)
		for object, record := range s.objects.all {
			s.objects.all[object] = changed(t, record, test.change)
		}
		w := s.request()
		src, err := b.Acquire(t.Context(), w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if reads := b.cfg.Bucket.Stats().Reads; reads[test.result] != 1 {
			t.Errorf("%s: %v", name, reads)
		}
		most := b.cfg.Now().Add(b.cfg.TTL.Max)
		_, stale := b.cfg.TTL.StaleWindows(src.meta.Freshness)
		if src.meta.Expires(b.cfg.TTL).After(most) || stale > b.cfg.TTL.Max {
			t.Errorf("%s: until %v, then for %v", name, src.meta.Expires(b.cfg.TTL), stale)
		}
		src.Release()
	}
}

// changed is a record with another header, and sums that fit.
func changed(t *testing.T, record []byte, change func(*Meta)) []byte {
	t.Helper()
	var m Meta
	body, err := diskstore.ReadRecord(bytes.NewReader(record), int64(len(record)), func(h []byte, _ int64) error {
		return json.Unmarshal(h, &m)
	})
	if err != nil {
		t.Fatal(err)
	}
	change(&m)
	header, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := diskstore.EncodeRecord(header, body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A bucket that answers with half a source, fails or has none to spare costs a fetch, and the memory is given back.
func TestABucketOfSourcesMisbehaves(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		open   func(ctx context.Context, b []byte) io.Reader
		change func(*Config)
		result string
	}{
		"hangs": {func(ctx context.Context, b []byte) io.Reader {
			return io.MultiReader(bytes.NewReader(b[:len(b)-100]), hangingReader{ctx})
		}, func(*Config) {}, "slow"},
		"fails": {func(_ context.Context, b []byte) io.Reader {
			return io.MultiReader(bytes.NewReader(b[:len(b)-100]), failingReader{boom})
		}, func(*Config) {}, "failed"},
		"torn": {func(_ context.Context, b []byte) io.Reader { return bytes.NewReader(b[:len(b)-100]) },
			func(*Config) {}, "broken"},
	} {
		s := newSharing(t)
		a := s.newStore(func(*Config) {})
		s.acquire(a, s.request())
		s.written(a, "written", 1)
		b := s.newStore(func(c *Config) {
			c.Bucket.Close(t.Context())
			c.Bucket = cache.NewSourceBucket(cache.BucketConfig{Admit: s.admit, Name: "bucket",
				Store: objectstore.New(objectstore.Config{Objects: s.objects, Patience: 20 * time.Millisecond})})
		})
		s.objects.open = test.open
		s.acquire(b, s.request())
		s.until("the memory to be free", func() bool { return b.cfg.Bytes.Stats().InUse == 0 })
		s.expect(b, Stats{Fetched: 1})
		if reads := b.cfg.Bucket.Stats().Reads; reads[test.result] != 1 {
			t.Errorf("%s: %v", name, reads)
		}
	}
}

type hangingReader struct{ ctx context.Context }

func (r hangingReader) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
