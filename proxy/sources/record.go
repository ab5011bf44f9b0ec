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
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// encodeMeta makes the header of the record of a source.
func (src *Source) encodeMeta() ([]byte, error) {
	meta := src.meta
	meta.Log = src.store.cfg.Clock.ID()
	return json.Marshal(meta)
}

// updateRecord writes the header of the record of a source that was confirmed.
func (t *Store) updateRecord(src *Source) {
	h, err := src.encodeMeta()
	if err == nil && !src.meta.NoStore {
		err = t.cfg.Disk.SetHeader(diskstore.NameOf(src.id), src.record, h)
	}
	if err != nil || src.meta.NoStore {
		t.cfg.Disk.Drop(diskstore.NameOf(src.id))
	}
}

// writeToDisk writes a source to disk, unless too many others are being written. A local
// source is on disk anyhow.
func (src *Source) writeToDisk() {
	t := src.store
	if t.cfg.Disk == nil || strings.HasPrefix(src.meta.Identity, "local:") {
		return
	}
	name := diskstore.NameOf(src.id)
	if src.meta.NoStore {
		t.cfg.Disk.Drop(name) // the older version must not be kept either
		return
	}
	if src.isHeader() {
		return
	}
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	default:
		t.cfg.Disk.Drop(name) // the record is older than this source
		return
	}
	h, err := src.encodeMeta()
	if err != nil {
		return
	}
	// The disk store counts and logs an error.
	_ = t.cfg.Disk.Put(name, h, io.NewSectionReader(src.data.File(), 0, src.meta.Size), src.meta.Size)
}

func newMeta(m origin.Meta, w Request, seq uint64, now time.Time) Meta {
	return Meta{
		ID: w.ID(), Identity: w.Identity, Meta: m,
		Confirmed: now, Spread: 1 - maxSpread*rand.Float64(), Seq: seq,
	}
}

// mayShare says whether a source may go from one server to another one. One that was fetched with headers of a client
// may be for that client alone, and a local one is on disk anyhow.
func (t *Store) mayShare(w Request) bool {
	return t.cfg.Bucket != nil && w.Passed.Variant() == origin.Variant{} && !strings.HasPrefix(w.Identity, "local:")
}

// lendPart is the part of the memory of sources that one may have while it is written to the bucket, where it is on no
// disk.
const lendPart = 8

// share offers the source to the bucket, once it is on disk.
func (src *Source) share() {
	if src.store.cfg.Bucket == nil {
		return
	}
	if src.took > 0 {
		src.offer(false)
	}
	src.offered.Store(true)
	if src.wanted.Load() || src.record != nil {
		src.offer(true)
	}
}

// shareAgain is told of each fill that has the source but the first one.
func (src *Source) shareAgain() {
	if src.store.cfg.Bucket != nil && !src.wanted.Swap(true) && src.offered.Load() {
		src.offer(true)
	}
}

// offer offers the source, as one that was fetched or as one that is used again.
func (src *Source) offer(again bool) {
	t, b := src.store, src.store.cfg.Bucket
	if !t.mayShare(src.request) || src.meta.NoStore || src.meta.SharedIn == b.ID() {
		return
	}
	of := cache.SharedSource{Identity: src.request.Identity, ID: src.id}
	o := cache.SourceOffer{SharedSource: of, Form: src.meta.Version + src.meta.Confirmed.String()}
	meta := src.meta
	o.IsWorse = func(header []byte) (bool, error) { return t.cfg.isWorse(header, of, meta) }
	if t.cfg.Disk != nil {
		o.Load = func(ctx context.Context) (cache.SourceRecord, error) {
			return t.cfg.loadStored(ctx, meta.ID, meta.Version)
		}
		o.Shared = func() { t.cfg.markShared(meta.ID, meta.Version) }
	} else if !src.lend(&o) {
		return
	}
	if again {
		b.Used(o)
	} else {
		b.Fetched(o, src.took)
	}
}

// lend has the memory of the source kept until it was written. It reports whether that may be: such memory is for
// fills in the first place.
func (src *Source) lend(o *cache.SourceOffer) bool {
	t := src.store
	if src.data == nil || src.meta.Size > t.cfg.Bytes.Stats().Capacity/lendPart {
		return false
	}
	select {
	case t.lending <- struct{}{}:
	default:
		return false
	}
	src.Hold()
	o.Done = func() {
		<-t.lending
		src.Release()
	}
	o.Load = func(context.Context) (r cache.SourceRecord, err error) {
		r.Header, err = t.cfg.encodeShared(src.meta)
		r.Body, r.Close = io.NewSectionReader(src.data.File(), 0, src.meta.Size), func() {}
		return r, err
	}
	return true
}
