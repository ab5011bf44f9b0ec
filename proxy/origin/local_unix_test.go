//go:build unix

package origin

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// To open a pipe would wait for its writer, and no context ends that.
func TestPipeIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetch(t, newFetcher(t, Config{Local: os.DirFS(dir)}), "local:///pipe"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
