package memfile

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// newSealed gives a sealed source of a page, and its file open for writing
// once more, as a worker that was broken into could have it.
func newSealed(t *testing.T) (*Source, *os.File) {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", s.File().Fd()), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	return s, again
}

func TestASealedSourceCannotBeChanged(t *testing.T) {
	_, f := newSealed(t)
	fd := int(f.Fd())
	for name, change := range map[string]func() error{
		"write":  func() error { _, err := unix.Pwrite(fd, []byte("x"), 0); return err },
		"grow":   func() error { return unix.Ftruncate(fd, 8192) },
		"shrink": func() error { return unix.Ftruncate(fd, 0) },
		"hole":   func() error { return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096) },
		"map": func() error {
			_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		},
		"map more": func() error { return mapAndProtect(fd) },
	} {
		if err := change(); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// mapAndProtect maps for reading, and asks for writing afterwards.
func mapAndProtect(fd int) error {
	b, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(b)
	return unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE)
}

// A source can be sealed also while the kernel has one of its pages in use.
func TestSealWithAPageInUse(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	var from int64
	if n, err := unix.Splice(int(s.File().Fd()), &from, pipe[1], nil, 4096, 0); err != nil || n != 4096 {
		t.Fatal(n, err)
	}
	if err := s.Seal(); err != nil {
		t.Error(err)
	}
}
