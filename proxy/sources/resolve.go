package sources

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
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
	queueWait := t.cfg.inForce.Load().QueueWait
	wait := budget.NewQueueWait(queueWait)
	if w.request.Background {
		ctx = budget.InBackground(ctx)
	}
	err := w.source.resolve(ctx, wait)
	w.source.waited = queueWait - wait.Left()
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
	header := src.isHeader()
	fetched := (src.data != nil || header) && f.Err == nil
	f.Deliver()
	if fetched {
		src.writeToDisk()
	}
	if f.Err == nil && !header {
		src.share()
	}
}

// Release implements flight.Work.
func (w *resolution) Release(*sourceFlight) { w.source.close() }

// resolve finds the source on disk or in the bucket, asks its origin, or both.
func (src *Source) resolve(ctx context.Context, wait *budget.QueueWait) error {
	t, w := src.store, src.request
	stored := t.cfg.findStored(ctx, src.id)
	if stored != nil {
		hard, soft := stored.meta.newestPurges(t.cfg.Clock)
		hard, soft = max(hard, w.MinFetched), max(soft, w.MinValidated)
		if stored.meta.Seq < hard {
			stored.close()
			stored = nil
		} else if stored.meta.Seq >= soft && t.cfg.isFresh(stored.meta) {
			src.meta, src.record = stored.meta, stored.record
			t.updateStats(func(s *Stats) { s.Stored++ })
			return nil
		}
	}
	if stored == nil {
		var taken bool
		if taken, stored = src.takeShared(ctx); taken {
			return nil
		}
	}
	err := src.fetchOrRevalidate(ctx, wait, stored)
	if errors.Is(err, errSharedGone) {
		err = src.fetchOrRevalidate(ctx, wait, nil)
	}
	return err
}

// fetchOrRevalidate fetches the source, or has the origin say that the stored one is still
// valid.
func (src *Source) fetchOrRevalidate(ctx context.Context, wait *budget.QueueWait, stored *storedSource) error {
	t, w := src.store, src.request
	keep := false
	defer func() {
		if !keep {
			stored.close()
		}
	}()
	// Asked before the limit on fetches: a suspended host may have all of its slots taken.
	from := t.cfg.inForce.Load().Origin
	if err := from.Suspended(w.URL); err != nil {
		return err
	}
	group, most := from.Bound(w.URL)
	done, err := t.limiter.acquireSlot(ctx, wait, group, most)
	if err != nil {
		return err
	}
	defer done()
	if src.data, err = memfile.New(); err != nil {
		return err
	}
	sum := sha256.New()
	// The age of a response counts from the request on (RFC 9111 §4.2.3).
	requested := t.cfg.Now()
	client := origin.Client{Hops: w.Hops, Passed: w.Passed, Trace: w.Trace}
	into := io.MultiWriter(src.data, sum)
	var header *headerWriter
	if w.Needs != Whole {
		header = newHeaderWriter(into, w.Needs == HeaderAndMetadata)
		into = header
	}
	meta, changed, err := from.Revalidate(ctx, w.URL, client, stored.validators(), into, src.reserveParts(ctx, wait))
	if err != nil {
		return err
	}
	if !changed {
		keep = true
		return src.takeConfirmed(ctx, stored, stored.meta.renewedBy(meta, src.flight.Seq, requested))
	}
	src.took = max(t.cfg.Now().Sub(requested), 1)
	src.meta = newMeta(meta, w, src.flight.Seq, requested)
	if header.endedEarly(meta.Size) {
		t.countFetched(header.received)
		return src.takeHeader(header, sum)
	}
	t.countFetched(meta.Size)
	if header != nil {
		if err := header.flush(); err != nil {
			return err
		}
	}
	return src.takeWhole(sum)
}

// takeHeader makes the source one of which the header alone is there, and the beginning of the file where that has
// metadata. sum is given what the header passes on.
func (src *Source) takeHeader(header *headerWriter, sum hash.Hash) (err error) {
	src.info = header.info
	if header.metadata {
		err = errors.Join(header.flush(), src.data.Seal())
		if src.grant != nil {
			src.grant.Shrink(src.data.Size())
		}
	} else {
		sum.Reset()
		src.data.Close()
		src.data = nil
		src.releaseGrant()
	}
	// What is told of another file with the same header is the same.
	err = errors.Join(err, json.NewEncoder(sum).Encode(struct {
		Info transform.Info
		Size int64
	}{header.info, src.meta.Size}))
	src.meta.Version = versionOf(sum)
	return err
}

// takeWhole makes the bytes that were fetched those of the source. sum was given them.
func (src *Source) takeWhole(sum hash.Hash) (err error) {
	src.meta.Version = versionOf(sum)
	if err := src.data.Seal(); err != nil {
		return err
	}
	if src.grant != nil {
		src.grant.Shrink(src.meta.Size) // a source without a length was reserved in whole steps
	}
	src.info, err = sniff(src.data)
	return err
}

// takeConfirmed takes the bytes of a stored source that its origin has confirmed. renewed is what is known of it now.
func (src *Source) takeConfirmed(ctx context.Context, stored *storedSource, renewed Meta) error {
	t := src.store
	src.data.Close()
	src.data = nil
	if stored.record == nil {
		if err := src.takeSharedBytes(ctx, renewed); err != nil {
			return err
		}
	} else {
		src.meta, src.record = renewed, stored.record
		t.updateRecord(src)
	}
	t.updateStats(func(s *Stats) { s.Revalidated++ })
	return nil
}

// mayTake says whether a source of another server may be used, too: not where purges are in doubt, nor where the origin
// has lately said that it must not be kept.
func (t *Store) mayTake(w Request) bool {
	return t.mayShare(w) && t.cfg.Clock.DoubtNow() != purge.Revalidate && !t.negativeEntry(w.ID(), w).exclusive
}

// takeShared takes the source from the bucket, where it is fresh there. Where it is one that its origin may confirm,
// it gives what is known of that.
func (src *Source) takeShared(ctx context.Context) (taken bool, confirmable *storedSource) {
	t, w := src.store, src.request
	if !t.mayTake(w) {
		return false, nil
	}
	found := make(chan Meta, 1)
	sink, err := src.askBucket(ctx, func(m Meta) error {
		hard, soft := m.newestPurges(t.cfg.Clock)
		hard, soft = max(hard, w.MinFetched), max(soft, w.MinValidated)
		if m.Seq >= hard && m.Seq >= soft && t.cfg.isFresh(m) {
			return nil
		}
		if m.Seq >= hard && m.isConfirmable() {
			found <- m
		}
		return cache.ErrOutdated
	})
	if err != nil {
		select {
		case m := <-found:
			return false, &storedSource{meta: m}
		default:
			return false, nil
		}
	}
	src.use(sink, sink.meta)
	t.updateStats(func(s *Stats) { s.FromBucket++ })
	return true, nil
}

// errSharedGone: a source of the bucket was confirmed by its origin, and its bytes cannot be had any more.
var errSharedGone = errors.New("the bucket does not have the source any more")

// takeSharedBytes takes the bytes of a source that its origin has confirmed from the bucket.
func (src *Source) takeSharedBytes(ctx context.Context, renewed Meta) error {
	sink, err := src.askBucket(ctx, func(m Meta) error {
		if m.Version != renewed.Version {
			return cache.ErrOutdated
		}
		return nil
	})
	switch {
	case err == nil:
		src.use(sink, renewed)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return errSharedGone
}

// use makes the bytes of a sink those of the source.
func (src *Source) use(sink *sharedSink, m Meta) {
	src.meta, src.info = m, sink.info
	src.data, src.grant = sink.data, sink.grant
}

// askBucket reads the source from the bucket, if accept lets it.
func (src *Source) askBucket(ctx context.Context, accept func(Meta) error) (*sharedSink, error) {
	if ask := src.request.AskBucket; ask != nil {
		defer ask()()
	}
	of := cache.SharedSource{Identity: src.request.Identity, ID: src.id}
	return src.store.cfg.readShared(ctx, of, src.request.TraceBucket, accept)
}
