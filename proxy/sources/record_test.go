package sources

import (
	"testing"
	"time"
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
