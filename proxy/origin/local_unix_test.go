//go:build unix

package origin

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// kinds makes a folder with every kind of file there is, and says which of them
// are sources.
func kinds(t *testing.T) (dir string, sources map[string]bool) {
	t.Helper()
	outer, err := os.MkdirTemp("", "pictor") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(outer) })
	dir = filepath.Join(outer, "root")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Mkdir(dir, 0o700), os.Mkdir(at("dir"), 0o700),
		os.WriteFile(at("file"), []byte("picture"), 0o600), os.WriteFile(at("empty"), nil, 0o600),
		syscall.Mkfifo(at("fifo"), 0o600), os.Link(at("fifo"), at("hardlink")),
		syscall.Mkfifo(filepath.Join(outer, "fifo"), 0o600),
		os.Symlink("file", at("link")), os.Symlink("fifo", at("link-fifo")), os.Symlink("link-fifo", at("link-link-fifo")),
		os.Symlink("dir", at("link-dir")), os.Symlink("dir/../fifo", at("link-way")),
		os.Symlink("nothing", at("link-nothing")),
		os.Symlink("loop", at("loop")), os.Symlink("../fifo", at("link-out")), os.Symlink("/dev/zero", at("link-device")),
		os.Symlink("/proc/self/fd/0", at("link-proc")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	sources = map[string]bool{
		"file": true, "link": true, "empty": true,
		"dir": false, "fifo": false, "hardlink": false, "socket": false,
		"link-fifo": false, "link-link-fifo": false, "link-dir": false, "link-way": false, "link-nothing": false, "loop": false, "link-out": false, "link-device": false, "link-proc": false,
		"nothing": false, "fifo/x": false, "file/x": false,
	}
	const zero = 1<<8 | 5
	if err := syscall.Mknod(at("device"), syscall.S_IFCHR|0o600, zero); err == nil { // root alone may
		sources["device"] = false
	}
	return dir, sources
}

// To open a FIFO would wait for its writer, and no context ends that.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir, sources := kinds(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for layer, files := range map[string]fs.StatFS{
		"RegularFiles": RegularFiles(root), "Root": root.FS().(fs.StatFS), "DirFS": os.DirFS(dir).(fs.StatFS),
	} {
		t.Run(layer, func(t *testing.T) {
			f := newFetcher(t, Config{Local: files})
			for name, is := range sources {
				if layer == "DirFS" && name == "link-proc" {
					continue // whatever that is, and it leads out
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				var body bytes.Buffer
				_, err := f.Fetch(ctx, "local:///"+name, &body, nil)
				cancel()
				if is && err != nil || !is && !errors.Is(err, ErrNotFound) {
					t.Errorf("%s: %q, %v", name, body.String(), err)
				}
			}
			for range maxLocal { // no call is under way any more
				f.local <- struct{}{}
			}
		})
	}
}

// swapping puts something else in a file's place just after its Stat.
type swapping struct {
	fs.StatFS
	swap func()
}

func (s swapping) Stat(name string) (fs.FileInfo, error) {
	st, err := s.StatFS.Stat(name)
	s.swap()
	return st, err
}

// What takes the place of a file between two looks is not opened either.
func TestAFileThatBecomesAFIFO(t *testing.T) {
	dir, sources := kinds(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, is := range sources {
		if is || name == "nothing" || name == "fifo/x" || name == "file/x" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "was"), []byte("picture"), 0o600); err != nil {
			t.Fatal(err)
		}
		files := swapping{RegularFiles(root), func() {
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "was")); err != nil && name != "dir" {
				t.Error(err)
			}
		}}
		if name == "dir" { // which takes no file's place by itself
			files.swap = func() {
				os.Remove(filepath.Join(dir, "was"))
				if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "was")); err != nil {
					t.Error(err)
				}
			}
		}
		f := newFetcher(t, Config{Local: files})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_, err := f.Fetch(ctx, "local:///was", &bytes.Buffer{}, nil)
		cancel()
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		os.RemoveAll(filepath.Join(dir, "was"))
	}
}

// The open itself does not wait either, where a file becomes a FIFO after
// RegularFiles has looked at it.
func TestOpenDoesNotWaitForAWriter(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	done := make(chan error, 1)
	go func() {
		_, err := rootFiles{root}.openNonblocking("fifo")
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, errIrregular) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the open waits")
	}
}
