package cache

import (
	"context"
	"os"
	"sync/atomic"
	"time"
)

// Watcher is told where the bytes of entries are, so that what a reader of an
// entry keeps in memory can be counted. Its methods are called with locks held:
// they do not wait, and do not call the Cache.
type Watcher interface {
	// Moved: the RAM tier has taken the bytes of an entry, or has let go of them;
	// Entry.Held says which.
	Moved(*Entry)
	// Landed: the Cache is done with what a fill has returned, but for what the
	// RAM tier holds.
	Landed(*Entry)
}

// Watch sets the one watcher. It is called before the first Get.
func (c *Cache) Watch(w Watcher) {
	c.watcher = w
	if c.ram != nil {
		c.ram.onMoved = w.Moved
	}
}

// bodyRefs counts the entries of the RAM tier with the same bytes: one that is
// renewed takes the place of the old one.
type bodyRefs struct{ entries atomic.Int32 }

// Held says whether the RAM tier has the bytes of an entry, and counts them.
func (e *Entry) Held() bool { return e.bodyRefs != nil && e.bodyRefs.entries.Load() > 0 }

// retainBody counts an entry in that is about to be set. It comes before what the key
// had is let go of: that may have the same bytes.
func (m *ramTier) retainBody(e *Entry) {
	if e.bodyRefs != nil && e.readState.inMemory.CompareAndSwap(0, 1) {
		e.bodyRefs.entries.Add(1)
	}
}

// releaseBody is an entry that ristretto does not have any more, or did not take.
func (m *ramTier) releaseBody(e *Entry) {
	if e == nil || e.bodyRefs == nil || !e.readState.inMemory.CompareAndSwap(1, 2) {
		return
	}
	if e.bodyRefs.entries.Add(-1) == 0 {
		m.notifyMoved(e)
	}
}

func (m *ramTier) notifyMoved(e *Entry) {
	if m.onMoved != nil {
		m.onMoved(e)
	}
}

// storeWait bounds how long a reader waits for the tiers to take what was just
// made: on a disk that is well it takes milliseconds.
const storeWait = time.Second

// Stored waits until the tiers have taken an entry that was just made. Where the
// RAM tier has not, it gives the same entry in a file of a lower tier, if it is in
// one, so that the bytes in memory can go; else e.
func (c *Cache) Stored(ctx context.Context, e *Entry) *Entry {
	if e.InFile() || e.NoStore {
		return e
	}
	if f, settled := c.flights.Lookup(e.Key); settled && f.Value == e {
		t := time.NewTimer(storeWait)
		defer t.Stop()
		select {
		case <-f.Finished():
		case <-t.C:
			return e
		case <-ctx.Done():
			return e
		}
	}
	if e.Held() {
		return e
	}
	if in := c.openInFile(ctx, e); in != nil {
		return in
	}
	return e
}

// FileContent is the content of an entry that is in a file of its own.
type FileContent struct {
	// File has the content at Offset. Its position is the caller's to set.
	File   *os.File
	Offset int64
	// Prefetch reads a part of the content into the kernel's page cache, so that
	// reading it from File does not wait for the disk, which may hang.
	Prefetch func(ctx context.Context, off, n int64) error
}

// File is the file that has the content; nil where it is in memory.
func (e *Entry) File() *FileContent {
	r, ok := e.file.(interface {
		Region() (*os.File, int64)
		Prefetch(ctx context.Context, off, n int64) error
	})
	if !ok {
		return nil
	}
	f, offset := r.Region()
	if f == nil {
		return nil
	}
	return &FileContent{File: f, Offset: offset, Prefetch: r.Prefetch}
}
