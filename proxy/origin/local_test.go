package origin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestLocal(t *testing.T) {
	changed := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	f := newFetcher(t, Config{MaxBytes: 10, Local: fstest.MapFS{
		"dir/a b%20?#100%.jpg": {Data: []byte("picture"), ModTime: changed}, "large": {Data: make([]byte, 11)}, "none": {},
	}})
	body, meta, err := fetch(t, f, "local:///dir/a b%20?#100%.jpg")
	if want := (Meta{LastModified: changed, Size: 7}); err != nil || body != "picture" || meta != want {
		t.Errorf("%q, %+v, %v", body, meta, err)
	}
	for source, want := range map[string]error{
		"LOCAL:///none": nil, "local:///missing": ErrNotFound, "local:///dir": ErrNotFound, "local:///none/x": ErrNotFound,
		"local:///large": ErrTooLarge,
	} {
		if _, _, err := fetch(t, f, source); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
	}
}

func TestLinksDoNotLeadOutOfARoot(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "pictures")
	for _, err := range []error{
		os.Mkdir(dir, 0o700),
		os.WriteFile(filepath.Join(outer, "secret"), []byte("upstream"), 0o600),
		os.WriteFile(filepath.Join(dir, "a"), []byte("picture"), 0o600),
		os.Symlink("../secret", filepath.Join(dir, "out")),
		os.Symlink("a", filepath.Join(dir, "in")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f := newFetcher(t, Config{Local: RegularFiles(root)})
	if body, _, err := fetch(t, f, "local:///in"); body != "picture" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	_, _, err = fetch(t, f, "local:///out")
	if !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "out") {
		t.Errorf("got %v", err)
	}
}

// odd is a folder with one file, "a", that says it has 9 bytes. Each of its
// calls goes through at, unless that is nil.
type odd struct {
	read func(p []byte) (int, error)
	at   func(call string)
}

func (o odd) call(name string) {
	if o.at != nil {
		o.at(name)
	}
}

func (o odd) Stat(string) (fs.FileInfo, error) {
	o.call("stat")
	return oddFile{o}, nil
}

func (o odd) Open(string) (fs.File, error) {
	o.call("open")
	return oddFile{o}, nil
}

type oddFile struct{ odd }

func (f oddFile) Stat() (fs.FileInfo, error) {
	f.call("fstat")
	return f, nil
}

func (f oddFile) Read(p []byte) (int, error) {
	f.call("read")
	return f.read(p)
}

func (f oddFile) Close() error {
	f.call("close")
	return nil
}

func (oddFile) Name() string       { return "a" }
func (oddFile) Size() int64        { return 9 }
func (oddFile) Mode() fs.FileMode  { return 0 }
func (oddFile) ModTime() time.Time { return time.Time{} }
func (oddFile) IsDir() bool        { return false }
func (oddFile) Sys() any           { return nil }

func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	endless := odd{read: func(p []byte) (int, error) { return len(p), nil }}
	if body, _, err := fetch(t, newFetcher(t, Config{Local: endless}), "local:///a"); len(body) != 9 || err != nil {
		t.Errorf("grown: %d bytes, %v", len(body), err)
	}
	for want, end := range map[error]error{ErrTruncated: io.EOF,
		ErrUnreachable: &fs.PathError{Op: "read", Path: "/upstream", Err: fs.ErrInvalid}} {
		f := newFetcher(t, Config{Local: odd{read: func([]byte) (int, error) { return 0, end }}})
		if _, _, err := fetch(t, f, "local:///a"); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", end, err, want)
		}
	}
}

// A call to a file system that hangs is waited for until the context ends, and
// holds one of a bounded number of places until it returns.
func TestLocalFilesThatHang(t *testing.T) {
	errEnded := errors.New("the client has left")
	for _, hanging := range []string{"stat", "open", "fstat", "read", "close"} {
		t.Run(hanging, func(t *testing.T) {
			free := make(chan struct{})
			reached := make(chan struct{}, maxLocal)
			f := newFetcher(t, Config{Local: odd{
				read: func(p []byte) (int, error) { return len(p), nil },
				at: func(call string) {
					if call == hanging {
						reached <- struct{}{}
						<-free
					}
				},
			}})
			for range maxLocal {
				ctx, cancel := context.WithCancelCause(context.Background())
				if hanging != "close" {
					go func() {
						<-reached
						cancel(errEnded)
					}()
				}
				var body bytes.Buffer
				_, err := f.Fetch(ctx, "local:///a", &body, nil)
				if hanging == "close" {
					<-reached
				}
				if hanging == "close" && err != nil || hanging != "close" && !errors.Is(err, errEnded) {
					t.Fatalf("while it hangs: %v", err)
				}
				cancel(nil)
			}
			ctx, cancel := context.WithCancelCause(context.Background())
			late := make(chan error)
			go func() {
				_, err := f.Fetch(ctx, "local:///a", io.Discard, nil)
				late <- err
			}()
			cancel(errEnded)
			if err := <-late; !errors.Is(err, errEnded) {
				t.Errorf("one more: %v", err)
			}
			if len(f.local) != maxLocal || len(reached) > 0 {
				t.Errorf("%d places are taken, and %d calls more were made", len(f.local), len(reached))
			}
			close(free)
			for range maxLocal { // each of them comes free
				f.local <- struct{}{}
			}
			for range maxLocal {
				<-f.local
			}
			if body, _, err := fetch(t, f, "local:///a"); len(body) != 9 || err != nil {
				t.Errorf("afterwards: %d bytes, %v", len(body), err)
			}
		})
	}
}
