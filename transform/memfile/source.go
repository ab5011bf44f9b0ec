package memfile

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// Source is the bytes of one image. A worker process is handed the file and maps
// it; no pipe carries the bytes and no heap copies them.
//
// The life of a Source: New, Write until all is there, Seal once, then Bytes
// and File as often as needed, Close once. Its pages count as shared memory of
// the whole process tree until the last descriptor and mapping are gone, so that
// the caller gives back what it reserved for them after Close, not before.
//
// Write and Seal belong to one goroutine; the rest is safe for several.
type Source struct {
	file   *os.File
	size   int64
	sealed bool

	mu   sync.Mutex
	view []byte
	// readers counts the Bytes without their Release.
	readers int
}

// errSealed is a bug of the caller: bytes after Seal, or a view before it.
var errSealed = errors.New("memfile: a source is written before Seal and read after it")

// Name is the name of the memory files of sources, as /proc shows it.
const Name = "pictor-source"

// New makes an empty Source. The caller must Close it.
func New() (*Source, error) { return create(Name) }

// NewLasting is New for a Source that lives as long as the process, such as a
// watermark. It has another name, by which accounts of memory tell it from the
// sources of requests.
func NewLasting() (*Source, error) { return create("pictor-lasting") }

func create(name string) (*Source, error) {
	f, err := newMemoryFile(name)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	return &Source{file: f}, nil
}

// NewPrivate is a sealed Source of these bytes in memory of this process alone.
// It has no File, so that no other process can have it. A worker probes its
// formats with it, because its sandbox lets it make no memory files.
func NewPrivate(b []byte) (*Source, error) {
	view, err := mapPrivate(b)
	if err != nil {
		return nil, fmt.Errorf("make a private source: %w", err)
	}
	return &Source{size: int64(len(b)), sealed: true, view: view}, nil
}

// Write appends to the source; it implements io.Writer.
func (s *Source) Write(p []byte) (int, error) {
	if s.sealed {
		return 0, errSealed
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// Seal ends the writing. From here no process can change or shorten the bytes, not
// even a worker that was broken into. The server can therefore read them in place.
func (s *Source) Seal() error {
	if s.sealed {
		return errSealed
	}
	if err := sealMemoryFile(s.file); err != nil {
		return fmt.Errorf("seal a memory file: %w", err)
	}
	s.sealed = true
	return nil
}

// Size is the number of bytes written so far.
func (s *Source) Size() int64 { return s.size }

// File is the open file, for handing to a worker. It stays the Source's. A
// private source has none.
func (s *Source) File() *os.File { return s.file }

// Bytes is a read-only view of the sealed source, valid until Close or the
// Release that belongs to it. Writing to it ends the process.
func (s *Source) Bytes() ([]byte, error) {
	if !s.sealed {
		return nil, errSealed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil && s.size > 0 {
		v, err := mapFile(s.file, s.size)
		if err != nil {
			return nil, fmt.Errorf("map a source: %w", err)
		}
		s.view = v
	}
	s.readers++
	return s.view, nil
}

// Release ends the use of one Bytes. With the last one the view is dropped, so
// that its pages do not count as the server's own while a worker reads them.
func (s *Source) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers--; s.readers <= 0 && s.file != nil {
		s.unmapView()
	}
}

// unmapView unmaps the view, if there is one. The lock is held.
func (s *Source) unmapView() {
	s.readers = 0
	if s.view != nil {
		unmapFile(s.view)
		s.view = nil
	}
}

// Close gives everything back. The Source and its views are dead after it.
func (s *Source) Close() error {
	s.mu.Lock()
	s.unmapView()
	s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Open makes a Source of the file of a sealed one that another process made. The
// file is the Source's from here.
func Open(f *os.File) (*Source, error) {
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open a source: %w", err)
	}
	return &Source{file: f, size: st.Size(), sealed: true}, nil
}
