package diskstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantForeign wants a folder refused, and all that is in another as it was.
func wantForeign(t *testing.T, dir, others string) {
	t.Helper()
	f, err := OpenFolder(dir)
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), filepath.Join(dir, storeDir)) {
		t.Errorf("another's folder: %v", err)
	}
	if err == nil {
		f.Close()
	}
	var left []string
	filepath.WalkDir(others, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left = append(left, filepath.Base(path))
		}
		return err
	})
	if strings.Join(left, " ") != "notes work" {
		t.Errorf("of what is another's are left: %q", left)
	}
}

// others is a folder of somebody else's files, named as ours are.
func others(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "others")
	for _, file := range []string{"results/notes", "tmp/work"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestALinkInTheFoldersPlaceIsNotFollowed(t *testing.T) {
	theirs := others(t)
	dir := filepath.Dir(theirs)
	for _, to := range []string{theirs, "others"} { // the second does not lead out of the parent
		link := filepath.Join(dir, storeDir)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		wantForeign(t, dir, theirs)
		if err := os.Remove(link); err != nil {
			t.Errorf("the link: %v", err)
		}
	}
}

// The parent is the user's to choose, and may be a link.
func TestTheParentMayBeALink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(link)
	if err != nil {
		t.Fatal(err)
	}
	if f.Path() != filepath.Join(link, storeDir) {
		t.Error(f.Path())
	}
	f.Close()
	if _, err := os.Stat(filepath.Join(dir, storeDir, lockFile)); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatOthersMayChange(t *testing.T) {
	dir := t.TempDir()
	ours := filepath.Join(dir, storeDir)
	if err := os.Mkdir(ours, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(ours, 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if st, err := os.Stat(ours); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

func TestAFolderOfAnotherUser(t *testing.T) {
	theirs := others(t)
	dir := filepath.Join(filepath.Dir(theirs), storeDir)
	if err := os.Rename(theirs, dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Skipf("files cannot be given away: %v", err)
	}
	wantForeign(t, filepath.Dir(dir), dir)
}
