package cache

import (
	"bytes"
	"sync"

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
	writing, reading chan struct{}
	// changing keeps a Renew from meeting another Put of its key halfway.
	changing [16]sync.Mutex
}

// Disk makes a tier of a store, which the tier closes. log is the identity of
// the purge log (purge.Clock.ID).
func Disk(store *diskstore.Store, log string) Tier {
	return &diskTier{store: store, log: log, writing: make(chan struct{}, writers), reading: make(chan struct{}, readers)}
}

// change locks a record against other changes.
func (t *diskTier) change(name diskstore.Name) (done func()) {
	m := &t.changing[name[0]%16]
	m.Lock()
	return m.Unlock
}

func enter(door chan struct{}) (leave func()) {
	door <- struct{}{}
	return func() { <-door }
}

// Get leaves the bytes where they are.
func (t *diskTier) Get(key Key) (*Entry, bool) {
	defer enter(t.reading)()
	return t.get(diskstore.NameOf(string(key)), key)
}

func (t *diskTier) get(name diskstore.Name, key Key) (*Entry, bool) {
	r, ok := t.store.Get(name)
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
	defer enter(t.writing)()
	defer t.change(name)()
	return t.store.Put(name, h, bytes.NewReader(e.Body), int64(len(e.Body))) == nil
}

// Renew writes the facts alone. What the key has may have become another entry
// meanwhile, whose bytes they would not be.
func (t *diskTier) Renew(e *Entry) bool {
	name := diskstore.NameOf(string(e.Key))
	defer enter(t.writing)()
	defer t.change(name)()
	have, ok := t.get(name, e.Key)
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
