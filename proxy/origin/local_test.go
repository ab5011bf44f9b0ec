package origin

import (
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
	f := newFetcher(t, Config{Local: root.FS()})
	if body, _, err := fetch(t, f, "local:///in"); body != "picture" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	_, _, err = fetch(t, f, "local:///out")
	if !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "out") {
		t.Errorf("got %v", err)
	}
}

// odd is a folder with one file, "a", that says it has 9 bytes.
type odd struct {
	read func(p []byte) (int, error)
}

func (o odd) Open(string) (fs.File, error) { return o, nil }
func (o odd) Stat() (fs.FileInfo, error)   { return o, nil }
func (o odd) Read(p []byte) (int, error)   { return o.read(p) }
func (odd) Close() error                   { return nil }
func (odd) Name() string                   { return "a" }
func (odd) Size() int64                    { return 9 }
func (odd) Mode() fs.FileMode              { return 0 }
func (odd) ModTime() time.Time             { return time.Time{} }
func (odd) IsDir() bool                    { return false }
func (odd) Sys() any                       { return nil }

func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	endless := odd{func(p []byte) (int, error) { return len(p), nil }}
	if body, _, err := fetch(t, newFetcher(t, Config{Local: endless}), "local:///a"); len(body) != 9 || err != nil {
		t.Errorf("grown: %d bytes, %v", len(body), err)
	}
	for want, end := range map[error]error{ErrTruncated: io.EOF, ErrUnreachable: &fs.PathError{Op: "read", Path: "/upstream", Err: fs.ErrInvalid}} {
		f := newFetcher(t, Config{Local: odd{func([]byte) (int, error) { return 0, end }}})
		if _, _, err := fetch(t, f, "local:///a"); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", end, err, want)
		}
	}
}
