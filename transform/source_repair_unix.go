//go:build unix

package transform

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errPrivate is a bug of the caller: a private source is made whole.
var errPrivate = errors.New("transform: a private source is repaired")

// Repaired is a view of the sealed source with a repair done to it, until done
// is called. The source does not change: the view is a private one, of which
// only the pages with patches become memory of this process. The others are
// never writable, so that they do not count for its limit either.
func (s *Source) Repaired(r Repair) (view []byte, done func(), err error) {
	switch {
	case !s.sealed:
		return nil, nil, errSealed
	case s.file == nil:
		return nil, nil, errPrivate
	}
	page := int64(os.Getpagesize())
	kept := min(s.size, r.Size)
	length := (kept+repairSlack+page-1)/page*page + page
	if kept <= 0 || r.Size > kept+repairSlack || r.From >= r.Size {
		return nil, nil, fmt.Errorf("transform: a repair of %d bytes makes %d", s.size, r.Size)
	}
	base, err := unix.MmapPtr(-1, 0, nil, uintptr(length), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("map a repaired source: %w", os.NewSyscallError("mmap", err))
	}
	done = func() { _ = unix.MunmapPtr(base, uintptr(length)) }
	const over = unix.MAP_PRIVATE | unix.MAP_FIXED
	if _, err = unix.MmapPtr(int(s.file.Fd()), 0, base, uintptr(kept), unix.PROT_READ, over); err == nil {
		view = unsafe.Slice((*byte)(base), length)
		err = r.protected(view, page, unix.PROT_READ|unix.PROT_WRITE)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("map a repaired source: %w", err)
	}
	r.onto(view)
	return view[r.From:r.Size], done, nil
}

// protected changes what the pages with patches may be used for.
func (r Repair) protected(view []byte, page int64, prot int) error {
	for _, p := range r.Patches {
		from := p.At / page * page
		to := (p.At + int64(len(p.Bytes)) + page - 1) / page * page
		if err := unix.Mprotect(view[from:to], prot); err != nil {
			return os.NewSyscallError("mprotect", err)
		}
	}
	return nil
}
