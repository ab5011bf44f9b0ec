//go:build unix

package memfile

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errPrivate is a bug of the caller: a private source is made whole.
var errPrivate = errors.New("memfile: a private source is patched")

// Patched is a view of the sealed source up to end, with other bytes in some
// places, until done is called. patches yields each place and the bytes there, in
// order; end may be past the source by a page at most. The source does not
// change: the view is a private one, of which only the pages with patches become
// memory of this process. The others are never writable, so that they do not
// count for its limit either.
func (s *Source) Patched(from, end int64, patches iter.Seq2[int64, []byte]) (view []byte, done func(), err error) {
	switch {
	case !s.sealed:
		return nil, nil, errSealed
	case s.file == nil:
		return nil, nil, errPrivate
	}
	page := int64(os.Getpagesize())
	kept := min(s.size, end)
	length := (end+page-1)/page*page + page
	if kept <= 0 || end > kept+page || from < 0 || from >= end {
		return nil, nil, fmt.Errorf("memfile: a source of %d bytes is patched from %d to %d", s.size, from, end)
	}
	base, err := unix.MmapPtr(-1, 0, nil, uintptr(length), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("map a patched source: %w", os.NewSyscallError("mmap", err))
	}
	done = func() { _ = unix.MunmapPtr(base, uintptr(length)) }
	const over = unix.MAP_PRIVATE | unix.MAP_FIXED
	if _, err = unix.MmapPtr(int(s.file.Fd()), 0, base, uintptr(kept), unix.PROT_READ, over); err == nil {
		view = unsafe.Slice((*byte)(base), length)
		err = applyPatches(view, page, patches)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("map a patched source: %w", err)
	}
	return view[from:end], done, nil
}

// applyPatches writes patches to a view, and makes writable the pages that they
// touch.
func applyPatches(view []byte, page int64, patches iter.Seq2[int64, []byte]) error {
	for at, b := range patches {
		first := at / page * page
		last := (at + int64(len(b)) + page - 1) / page * page
		if at < 0 || last > int64(len(view)) {
			return fmt.Errorf("a patch of %d bytes at %d is outside of the view", len(b), at)
		}
		if err := unix.Mprotect(view[first:last], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			return os.NewSyscallError("mprotect", err)
		}
		copy(view[at:], b)
	}
	return nil
}
