package cache

import (
	"bytes"
	"context"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// writers and readers are how many calls may be in the file system at once: each that waits there holds a thread.
const writers, readers = 2, 32

// diskTier keeps entries in a store of records.
type diskTier struct {
	store *diskstore.Store
	// log is the identity of the purge log that the records' numbers count by.
	log              string
	writing, reading semaphore
	// patience bounds the wait for a semaphore, whose holders may be stuck with a disk
	// that hangs. It is the store's.
	patience time.Duration
	// recordLocks keeps a Renew from meeting another Put of its key halfway.
	recordLocks [16]semaphore
}

// NewDiskTier makes a tier of a store, which the tier closes. log is the identity of
// the purge log (purge.Clock.ID).
func NewDiskTier(store *diskstore.Store, log string) Tier {
	t := &diskTier{
		store: store, log: log, patience: store.StallTimeout(),
		writing: make(semaphore, writers), reading: make(semaphore, readers),
	}
	for i := range t.recordLocks {
		t.recordLocks[i] = make(semaphore, 1)
	}
	return t
}

// acquireWrite lets one in who changes a record, and reports whether it did in time.
func (t *diskTier) acquireWrite(name diskstore.Name) (leave func(), ok bool) {
	if !t.writing.acquire(context.Background(), t.patience) {
		return nil, false
	}
	record := t.recordLocks[name[0]%16]
	if !record.acquire(context.Background(), t.patience) {
		t.writing.release()
		return nil, false
	}
	return func() {
		record.release()
		t.writing.release()
	}, true
}

// semaphore lets as many in at once as it has room for.
type semaphore chan struct{}

// acquire reports whether there was room in time, and before ctx ended.
func (d semaphore) acquire(ctx context.Context, patience time.Duration) bool {
	select {
	case d <- struct{}{}:
		return true
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case d <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

func (d semaphore) release() { <-d }

// Get leaves the bytes where they are.
func (t *diskTier) Get(ctx context.Context, key Key) (*Entry, bool) {
	if !t.reading.acquire(ctx, t.patience) {
		return nil, false
	}
	defer t.reading.release()
	return t.openRecord(ctx, diskstore.NameOf(string(key)), key)
}

func (t *diskTier) openRecord(ctx context.Context, name diskstore.Name, key Key) (*Entry, bool) {
	r, ok := t.store.Get(ctx, name)
	if !ok {
		return nil, false
	}
	e, stamp, err := decodeHeader(r.Header())
	// A record of another purge log has missed purges that nobody can name any more.
	if err != nil || e.Key != key || stamp.Order != t.log {
		r.Close()
		t.store.Drop(name)
		return nil, false
	}
	e.Seq, e.file = stamp.Seq, r
	return e, true
}

// stampOf is the stamp of an entry by the server's own log.
func (t *diskTier) stampOf(e *Entry) purge.Stamp { return purge.Stamp{Order: t.log, Seq: e.Seq} }

func (t *diskTier) Put(e *Entry) bool {
	h, err := encodeHeader(e, t.stampOf(e))
	if err != nil {
		return false
	}
	name := diskstore.NameOf(string(e.Key))
	leave, ok := t.acquireWrite(name)
	if !ok {
		return false
	}
	defer leave()
	return t.store.Put(name, h, bytes.NewReader(e.Body), int64(len(e.Body))) == nil
}

// Renew writes the metadata alone. The record of the key may be another entry by now, with other bytes, which is why
// the ETag is compared.
func (t *diskTier) Renew(e *Entry) bool {
	name := diskstore.NameOf(string(e.Key))
	leave, ok := t.acquireWrite(name)
	if !ok {
		return false
	}
	defer leave()
	have, ok := t.openRecord(context.Background(), name, e.Key)
	if !ok {
		return false
	}
	defer have.Close()
	h, err := encodeHeader(e, t.stampOf(e))
	if have.ETag != e.ETag || err != nil {
		return false
	}
	return t.store.SetHeader(name, have.file.(*diskstore.Record), h) == nil
}

// MarkShared implements sharedMarker. It writes the metadata alone. A record that was renewed meanwhile has other
// times, and is left as it is.
func (t *diskTier) MarkShared(e *Entry) {
	name := diskstore.NameOf(string(e.Key))
	leave, ok := t.acquireWrite(name)
	if !ok {
		return
	}
	defer leave()
	have, ok := t.openRecord(context.Background(), name, e.Key)
	if !ok {
		return
	}
	defer have.Close()
	if have.offerName() != e.offerName() || have.sharedIn == e.sharedIn {
		return
	}
	have.sharedIn = e.sharedIn
	if h, err := encodeHeader(have, t.stampOf(have)); err == nil {
		_ = t.store.SetHeader(name, have.file.(*diskstore.Record), h) // or the bucket is asked once more
	}
}

func (t *diskTier) Use(key Key) { t.store.Touch(diskstore.NameOf(string(key))) }

func (t *diskTier) Drop(key Key) { t.store.Drop(diskstore.NameOf(string(key))) }

func (t *diskTier) Close() { t.store.Close() }
