package sources

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// The header of a record is read as it was written, or refused.
func FuzzSourceMeta(f *testing.F) {
	good := `{"id":"k","identity":"k","version":"v","confirmed":"2026-01-01T00:00:00Z","spread":0.95,"seq":1,"log":"l"}`
	f.Add([]byte(good))
	f.Add([]byte(`{"id":"k","log":"l","version":"v","spread":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := decodeMeta(b, "k", "l")
		ttl := TTL{Max: time.Hour}
		if ok && (m.ID != "k" || m.Log != "l" || m.RefreshAt(ttl).After(m.Expires(ttl))) {
			t.Errorf("%s: %+v", b, m)
		}
	})
}

// What another server has written of a source is of that source, with a sequence of this server's, or refused.
func FuzzSharedSource(f *testing.F) {
	of := cache.SharedSource{Identity: "k", ID: "k"}
	clock, err := purge.Open(purge.Config{})
	if err != nil {
		f.Fatal(err)
	}
	fetcher, err := origin.New(origin.Config{})
	if err != nil {
		f.Fatal(err)
	}
	c := &Config{Clock: clock, inForce: &atomic.Pointer[Settings]{},
		Bucket: cache.NewSourceBucket(cache.BucketConfig{})}
	c.inForce.Store(&Settings{Origin: fetcher, TTL: TTL{Max: time.Hour}})
	f.Cleanup(func() { c.Bucket.Close(context.Background()) })
	good := Meta{ID: "k", Identity: "k", Version: strings.Repeat("0", 32), Spread: 0.95, Log: clock.ID()}
	b, _ := json.Marshal(good)
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"Size":0`), []byte(`"Size":-1`), 1))
	f.Add(bytes.Replace(b, []byte(`"ETag":""`), []byte(`"ETag":"\n"`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := c.decodeShared(b, of)
		ttl := TTL{Max: time.Hour}
		if err == nil && (m.ID != "k" || m.Identity != "k" || m.Size < 0 || m.Log != "" ||
			m.SharedIn != c.Bucket.ID() || m.StaleError.For > time.Hour || m.RefreshAt(ttl).After(m.Expires(ttl)) ||
			!httpguts.ValidHeaderFieldValue(m.ETag)) {
			t.Errorf("%s: %+v", b, m)
		}
	})
}
