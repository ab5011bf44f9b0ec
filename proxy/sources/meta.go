package sources

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"hash"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// Meta is what is known of a source: what its origin said, and when.
type Meta struct {
	// ID is the name that the source is stored under, Identity its name in purges.
	ID       string `json:"id"`
	Identity string `json:"identity"`
	origin.Meta
	// Version is a hash of the bytes.
	Version string `json:"version"`
	// Confirmed is when the origin last sent the source or confirmed it, Spread the part of
	// its lifetime after which the origin is asked again: sources that were fetched
	// together must not be due together.
	Confirmed time.Time `json:"confirmed"`
	Spread    float64   `json:"spread"`
	// Seq is the sequence of the purge clock before the origin was asked, in the log
	// whose identity is Log. In a bucket these, and Mark, are a purge.Stamp.
	Seq  uint64 `json:"seq"`
	Log  string `json:"log"`
	Mark uint64 `json:"mark,omitempty"`
	// SharedIn is the mark of the bucket that has the bytes, too. It counts in a server's own records alone.
	SharedIn string `json:"shared,omitempty"`
}

// maxSpread is the largest part of a lifetime that may be left when a source is due.
const maxSpread = 0.1

// minSpreadTTL is the shortest lifetime that is spread.
const minSpreadTTL = time.Minute

// renewedBy is what is known of the source after its origin has confirmed it.
func (m Meta) renewedBy(said origin.Meta, seq uint64, now time.Time) Meta {
	m.Meta = m.Meta.Renewed(said)
	m.Confirmed, m.Seq = now, seq
	m.Spread = 1 - maxSpread*rand.Float64()
	return m
}

// Expires is until when the source is fresh.
func (m Meta) Expires(t TTL) time.Time { return m.Confirmed.Add(t.Of(m.Freshness)) }

// RefreshAt is from when on the origin is asked again.
func (m Meta) RefreshAt(t TTL) time.Time {
	ttl := t.Of(m.Freshness)
	if ttl >= minSpreadTTL {
		ttl = time.Duration(float64(ttl) * m.Spread)
	}
	return m.Confirmed.Add(ttl)
}

// fresh says whether the origin need not be asked yet. A record from the future was written
// while the clock was wrong, so its age is unknown.
func (m Meta) fresh(t TTL, now time.Time) bool {
	return !m.Confirmed.After(now.Add(cache.Skew)) && now.Before(m.RefreshAt(t))
}

// newestPurges are the sequences of the newest hard and soft purge that name the source.
func (m Meta) newestPurges(c *purge.Clock) (hard, soft uint64) {
	return c.Since(m.Seq, purge.Scope{Source: m.Identity, Hosts: cache.Hosts(m.Identity), Tags: m.TagList()})
}

// TagList has the tags of the source, by which purges may name it.
func (m Meta) TagList() []string { return strings.Fields(m.Tags) }

// storedSource is a source on disk or, without a record, in the bucket.
type storedSource struct {
	meta   Meta
	record *diskstore.Record
}

// close closes the record, if there is one.
func (st *storedSource) close() {
	if st != nil && st.record != nil {
		_ = st.record.Close() // it was only read
	}
}

// validators are those by which the origin may confirm the source. A nil source has none.
func (st *storedSource) validators() origin.Validators {
	if st == nil {
		return origin.Validators{}
	}
	return origin.Validators{ETag: st.meta.ETag, LastModified: st.meta.LastModified, URL: st.meta.URL}
}

// decodeMeta reads the header of the record of a source. A record of another purge log is
// refused: it has missed purges, and which ones is not known.
func decodeMeta(b []byte, id, log string) (m Meta, ok bool) {
	if err := json.Unmarshal(b, &m); err != nil {
		return m, false
	}
	return m, m.ID == id && m.Log == log && m.Version != "" && m.Spread > 0 && m.Spread <= 1
}

// findStored finds a source on disk; nil where there is none.
func (c *Config) findStored(ctx context.Context, id string) *storedSource {
	if c.Disk == nil {
		return nil
	}
	r, ok := c.Disk.Get(ctx, diskstore.NameOf(id))
	if !ok {
		return nil
	}
	m, ok := decodeMeta(r.Header(), id, c.Clock.ID())
	if !ok {
		r.Close()
		c.Disk.Drop(diskstore.NameOf(id))
		return nil
	}
	return &storedSource{m, r}
}

// versionOf is the version of the bytes that a hash was given.
func versionOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }
