package cache

import (
	"bytes"
	"context"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
)

// writers and readers are how many may be in the file system at once: each
// that waits there holds a thread.
const writers, readers = 2, 32

// diskTier keeps entries in a store of records.
type diskTier struct {
	store *diskstore.Store
	// log is the identity of the purge log that the records' numbers count by.
	log              string
	writing, reading door
	// patience is for how long a place is waited for: whoever has one may be
	// with a disk that hangs. It is the store's.
	patience time.Duration
	// changing keeps a Renew from meeting another Put of its key halfway.
	changing [16]door
}

// Disk makes a tier of a store, which the tier closes. log is the identity of
// the purge log (purge.Clock.ID).
func Disk(store *diskstore.Store, log string) Tier {
	t := &diskTier{store: store, log: log, writing: make(door, writers), reading: make(door, readers), patience: store.Patience()}
	for i := range t.changing {
		t.changing[i] = make(door, 1)
	}
	return t
}

// change lets one in who changes a record, and reports whether it did in time.
func (t *diskTier) change(name diskstore.Name) (leave func(), ok bool) {
	if !t.writing.enter(context.Background(), t.patience) {
		return nil, false
	}
	record := t.changing[name[0]%16]
	if !record.enter(context.Background(), t.patience) {
		t.writing.leave()
		return nil, false
	}
	return func() {
		record.leave()
		t.writing.leave()
	}, true
}

// door lets as many in at once as it has room for.
type door chan struct{}

// enter reports whether there was room in time, and before ctx ended.
func (d door) enter(ctx context.Context, patience time.Duration) bool {
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

func (d door) leave() { <-d }

// Get leaves the bytes where they are.
func (t *diskTier) Get(ctx context.Context, key Key) (*Entry, bool) {
	if !t.reading.enter(ctx, t.patience) {
		return nil, false
	}
	defer t.reading.leave()
	return t.get(ctx, diskstore.NameOf(string(key)), key)
}

func (t *diskTier) get(ctx context.Context, name diskstore.Name, key Key) (*Entry, bool) {
	r, ok := t.store.Get(ctx, name)
	if !ok {
		return nil, false
	}
	e, err := decodeHeader(r.Header(), key, t.log)
	if err != nil {
		r.Close()
		t.store.Drop(name)
		return nil, false
	}
	e.file = r
	return e, true
}

func (t *diskTier) Put(e *Entry) bool {
	h, err := encodeHeader(e, t.log)
	if err != nil {
		return false
	}
	name := diskstore.NameOf(string(e.Key))
	leave, ok := t.change(name)
	if !ok {
		return false
	}
	defer leave()
	return t.store.Put(name, h, bytes.NewReader(e.Body), int64(len(e.Body))) == nil
}

// Renew writes the facts alone. What the key has may have become another entry
// meanwhile, whose bytes they would not be.
func (t *diskTier) Renew(e *Entry) bool {
	name := diskstore.NameOf(string(e.Key))
	leave, ok := t.change(name)
	if !ok {
		return false
	}
	defer leave()
	have, ok := t.get(context.Background(), name, e.Key)
	if !ok {
		return false
	}
	defer have.Close()
	h, err := encodeHeader(e, t.log)
	if have.ETag != e.ETag || err != nil {
		return false
	}
	return t.store.SetHeader(name, have.file.(*diskstore.Record), h) == nil
}

func (t *diskTier) Use(key Key) { t.store.Touch(diskstore.NameOf(string(key))) }

func (t *diskTier) Drop(key Key) { t.store.Drop(diskstore.NameOf(string(key))) }

func (t *diskTier) Close() { t.store.Close() }
