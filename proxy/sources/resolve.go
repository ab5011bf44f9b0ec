package sources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// resolution is the work of a flight: it finds a source on disk, fetches it, or has its
// origin confirm it.
type resolution struct {
	store   *Store
	request Request
	source  *Source
}

// Run implements flight.Work.
func (w *resolution) Run(ctx context.Context, f *sourceFlight) (*Source, error) {
	t := w.store
	w.source = &Source{store: t, flight: f, request: w.request, id: w.request.ID(), loadMu: make(chan struct{}, 1)}
	wait := budget.NewQueueWait(t.cfg.QueueWait)
	if w.request.Background {
		ctx = budget.InBackground(ctx)
	}
	err := w.source.resolve(ctx, wait)
	w.source.waited = t.cfg.QueueWait - wait.Left()
	if w.request.HasIgnoredParams && errors.Is(err, origin.ErrDenied) {
		err = &urlScopedError{err}
	}
	return w.source, err
}

// Complete implements flight.Work. The fills that wait get the source before it is written
// to disk.
func (w *resolution) Complete(f *sourceFlight) {
	src := w.source
	f.Value = src // also after a panic
	if f.Err != nil {
		w.store.updateStats(func(s *Stats) { s.Failed++ })
	}
	w.store.recordOutcome(f)
	if f.Err != nil || src.meta.NoStore {
		f.Forget()
	}
	// From here on fills may load the bytes from a record.
	fetched := src.data != nil && f.Err == nil
	f.Deliver()
	if fetched {
		src.writeToDisk()
	}
}

// Release implements flight.Work.
func (w *resolution) Release(*sourceFlight) { w.source.close() }

// resolve finds the source on disk, asks its origin, or both.
func (src *Source) resolve(ctx context.Context, wait *budget.QueueWait) error {
	t, w := src.store, src.request
	stored := t.findStored(ctx, src.id)
	if stored != nil {
		hard, soft := stored.meta.newestPurges(t.cfg.Clock)
		hard, soft = max(hard, w.MinFetched), max(soft, w.MinValidated)
		if stored.meta.Seq < hard {
			stored.record.Close()
			stored = nil
		} else if stored.meta.Seq >= soft && t.isFresh(stored.meta) {
			src.meta, src.record = stored.meta, stored.record
			t.updateStats(func(s *Stats) { s.Stored++ })
			return nil
		}
	}
	return src.fetchOrRevalidate(ctx, wait, stored)
}

// fetchOrRevalidate fetches the source, or has the origin say that the stored one is still
// valid.
func (src *Source) fetchOrRevalidate(ctx context.Context, wait *budget.QueueWait, stored *storedSource) error {
	t, w := src.store, src.request
	keep := false
	defer func() {
		if stored != nil && !keep {
			stored.record.Close()
		}
	}()
	// Asked before the limit on fetches: a suspended host may have all of its slots taken.
	if err := t.cfg.Origin.Suspended(w.URL); err != nil {
		return err
	}
	group, most := t.cfg.Origin.Bound(w.URL)
	done, err := t.limiter.acquireSlot(ctx, wait, group, most)
	if err != nil {
		return err
	}
	defer done()
	if src.data, err = memfile.New(); err != nil {
		return err
	}
	hash := sha256.New()
	// The age of a response counts from the request on (RFC 9111 §4.2.3).
	requested := t.cfg.Now()
	client := origin.Client{Hops: w.Hops, Passed: w.Passed, Trace: w.Trace}
	meta, changed, err := t.cfg.Origin.Revalidate(ctx, w.URL, client, stored.validators(),
		io.MultiWriter(src.data, hash), src.reserveBytes(ctx, wait))
	if err != nil {
		return err
	}
	if !changed {
		src.data.Close()
		keep = true
		src.data, src.record = nil, stored.record
		src.meta = stored.meta.renewedBy(meta, src.flight.Seq, requested)
		t.updateRecord(src)
		t.updateStats(func(s *Stats) { s.Revalidated++ })
		return nil
	}
	t.updateStats(func(s *Stats) {
		s.Fetched++
		s.FetchedBytes += uint64(meta.Size)
	})
	src.meta = newMeta(meta, w, src.flight.Seq, requested)
	src.meta.Version = hex.EncodeToString(hash.Sum(nil)[:16])
	if err := src.data.Seal(); err != nil {
		return err
	}
	if src.grant != nil {
		src.grant.Shrink(meta.Size) // a source without a length was reserved in whole steps
	}
	src.info, err = src.sniffData()
	return err
}
