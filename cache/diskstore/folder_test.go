package diskstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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

func TestForeignFilesGoAndNothingOutsideIsTouched(t *testing.T) {
	dir := t.TempDir()
	s, end := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	end()
	store := filepath.Join(dir, storeDir, "s")
	outside := filepath.Join(dir, "precious")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(outside, "deep"), 0o700))
	must(os.WriteFile(filepath.Join(outside, "deep", "file"), []byte("keep"), 0o600))
	hex := "ab" + strings.Repeat("0", 30)
	must(os.MkdirAll(filepath.Join(store, "ab"), 0o700))
	must(os.WriteFile(filepath.Join(store, "ab", hex), nil, 0o600))
	must(os.WriteFile(filepath.Join(store, "ab", "notes.txt"), []byte("x"), 0o600))
	must(os.MkdirAll(filepath.Join(store, "ab", strings.ToUpper(hex)), 0o700))
	must(os.Symlink(filepath.Join(outside, "deep", "file"), filepath.Join(store, "ab", "ab"+strings.Repeat("1", 30))))
	must(os.Symlink(outside, filepath.Join(store, "cd")))
	must(os.WriteFile(filepath.Join(store, "README"), []byte("x"), 0o600))
	must(os.WriteFile(filepath.Join(dir, storeDir, tempDir, "s-1"), []byte("begun"), 0o600))
	s, end = open(t, dir, Config{MaxBytes: 1 << 20})
	want(t, s, "k", "body")
	if st := s.Stats(); st.Records != 1 {
		t.Errorf("%+v", st)
	}
	end()
	var left []string
	must(filepath.WalkDir(filepath.Join(dir, storeDir), func(path string, e fs.DirEntry, err error) error {
		if !e.IsDir() {
			left = append(left, filepath.Base(path))
		}
		return err
	}))
	if len(left) != 2 { // the lock and the record
		t.Errorf("left: %q", left)
	}
	if b, err := os.ReadFile(filepath.Join(outside, "deep", "file")); string(b) != "keep" {
		t.Errorf("outside: %q, %v", b, err)
	}
}

// A link in a record's place leads nowhere that is not ours.
func TestALinkIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Config{MaxBytes: 1 << 20})
	put(t, s, "k", "body")
	good := filepath.Join(dir, "copy")
	file := fileOf(dir, "k")
	if err := os.Rename(file, good); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(good, file); err != nil {
		t.Fatal(err)
	}
	wantNone(t, s, "k")
	s.Drop(NameOf("k"))
	if _, err := os.Stat(good); err != nil {
		t.Error(err)
	}
}

func TestOneProcessHasTheFolder(t *testing.T) {
	dir := t.TempDir()
	_, end := open(t, dir, Config{MaxBytes: 1 << 20})
	if _, err := OpenFolder(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	end()
	open(t, dir, Config{MaxBytes: 1 << 20})
}

func TestFoldersThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
	if runtime.GOOS == "linux" {
		memory := filepath.Join("/dev/shm", "pictor-test-"+filepath.Base(filepath.Dir(file)))
		defer os.RemoveAll(memory)
		if _, err := OpenFolder(memory); !errors.Is(err, ErrMemory) && !errors.Is(err, fs.ErrNotExist) &&
			!errors.Is(err, fs.ErrPermission) {
			t.Errorf("a folder in memory: %v", err)
		}
	}
}
