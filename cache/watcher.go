package cache

import (
	"context"
	"os"
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
