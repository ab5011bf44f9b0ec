package sources

import (
	"context"
	"encoding/json"
	"io"
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
	// ID is what it is kept under, Identity what purges call it.
	ID       string `json:"id"`
	Identity string `json:"identity"`
	origin.Meta
	// Version tells the bytes.
	Version string `json:"version"`
	// Confirmed is when the origin last sent it or said that it is the same, Spread what
	// part of its lifetime goes by before it is asked again: those that were
	// fetched together shall not be due together.
	Confirmed time.Time `json:"confirmed"`
	Spread    float64   `json:"spread"`
	// Seq is the purge clock's, by the log whose identity is Log, before the
	// origin was asked.
	Seq uint64 `json:"seq"`
	Log string `json:"log"`
}

// maxSpread is the largest part of a lifetime that may be left when a source is due.
const maxSpread = 0.1

// minSpreadTTL is the lifetime from which on it is worth it.
const minSpreadTTL = time.Minute

func newMeta(m origin.Meta, w Request, seq uint64, now time.Time) Meta {
	return Meta{ID: w.ID(), Identity: w.Identity, Meta: m, Confirmed: now, Spread: 1 - maxSpread*rand.Float64(), Seq: seq}
}

// renewedBy is what is known after the origin said that the source is still the
// same.
func (m Meta) renewedBy(said origin.Meta, seq uint64, now time.Time) Meta {
	m.Meta = m.Meta.Renewed(said)
	m.Confirmed, m.Seq, m.Spread = now, seq, 1-maxSpread*rand.Float64()
	return m
}

// Expires is until when the source is fresh.
func (m Meta) Expires(t TTL) time.Time { return m.Confirmed.Add(t.Of(m.Freshness)) }

// RefreshAt is from when on its origin is asked again.
func (m Meta) RefreshAt(t TTL) time.Time {
	ttl := t.Of(m.Freshness)
	if ttl >= minSpreadTTL {
		ttl = time.Duration(float64(ttl) * m.Spread)
	}
	return m.Confirmed.Add(ttl)
}

// fresh says whether the origin need not be asked yet. A record from the future
// was written while the clock was wrong, and nobody knows when it was.
func (m Meta) fresh(t TTL, now time.Time) bool {
	return !m.Confirmed.After(now.Add(cache.Skew)) && now.Before(m.RefreshAt(t))
}

// newestPurges are the newest newestPurges that name the source.
func (m Meta) newestPurges(c *purge.Clock) (hard, soft uint64) {
	return c.Since(m.Seq, purge.Scope{Source: m.Identity, Hosts: cache.Hosts(m.Identity), Tags: m.TagList()})
}

func (m Meta) TagList() []string { return strings.Fields(m.Tags) }

// storedSource is a source on disk.
type storedSource struct {
	meta   Meta
	record *diskstore.Record
}

// validators are what the origin knows the source by; none for none.
func (st *storedSource) validators() origin.Validators {
	if st == nil {
		return origin.Validators{}
	}
	return origin.Validators{ETag: st.meta.ETag, LastModified: st.meta.LastModified, URL: st.meta.URL}
}

// decodeMeta reads the header of id's record. One of another purge log
// has missed purges that nobody can name any more.
func decodeMeta(b []byte, id, log string) (m Meta, ok bool) {
	if err := json.Unmarshal(b, &m); err != nil {
		return m, false
	}
	return m, m.ID == id && m.Log == log && m.Version != "" && m.Spread > 0 && m.Spread <= 1
}

// findStored looks a source up on disk.
func (t *Store) findStored(ctx context.Context, id string) *storedSource {
	if t.cfg.Disk == nil {
		return nil
	}
	r, ok := t.cfg.Disk.Get(ctx, diskstore.NameOf(id))
	if !ok {
		return nil
	}
	m, ok := decodeMeta(r.Header(), id, t.cfg.Clock.ID())
	if !ok {
		r.Close()
		t.cfg.Disk.Drop(diskstore.NameOf(id))
		return nil
	}
	return &storedSource{m, r}
}

// encodeMeta is what the record of a source says of it.
func (src *Source) encodeMeta() ([]byte, error) {
	meta := src.meta
	meta.Log = src.store.cfg.Clock.ID()
	return json.Marshal(meta)
}

// updateRecord writes down what is known of a source anew.
func (t *Store) updateRecord(src *Source) {
	h, err := src.encodeMeta()
	if err == nil && !src.meta.NoStore {
		err = t.cfg.Disk.SetHeader(diskstore.NameOf(src.id), src.record, h)
	}
	if err != nil || src.meta.NoStore {
		t.cfg.Disk.Drop(diskstore.NameOf(src.id))
	}
}

// writeToDisk writes a source to disk, unless there is too much to write already. A
// local one is there anyhow.
func (src *Source) writeToDisk() {
	t := src.store
	if t.cfg.Disk == nil || strings.HasPrefix(src.meta.Identity, "local:") {
		return
	}
	name := diskstore.NameOf(src.id)
	if src.meta.NoStore {
		t.cfg.Disk.Drop(name) // what is there may not be kept any more
		return
	}
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	default:
		t.cfg.Disk.Drop(name) // it is older than this one
		return
	}
	h, err := src.encodeMeta()
	if err != nil {
		return
	}
	// What goes wrong the store counts and tells.
	_ = t.cfg.Disk.Put(name, h, io.NewSectionReader(src.data.File(), 0, src.meta.Size), src.meta.Size)
}
