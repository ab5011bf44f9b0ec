package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// write makes a file of a test, and its directory.
func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// Contents of a directory are copied and not the directory, a file into a directory or by a new name; links stay links,
// modes and times what they are; what is ignored is left out.
func TestCopyDoesAsDockerDoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("owners are set by root")
	}
	from, to := t.TempDir(), t.TempDir()
	write(t, from+"/a/run", "#!", 0o750)
	write(t, from+"/a/docs/page", "x", 0o644)
	write(t, from+"/one", "1", 0o644)
	if err := os.Symlink("run", from+"/a/link"); err != nil {
		t.Fatal(err)
	}
	long := time.Unix(1e9, 0)
	for _, name := range []string{"/a/run", "/a"} {
		if err := os.Chtimes(from+name, long, long); err != nil {
			t.Fatal(err)
		}
	}
	b := &builder{built: map[string]*tree{"build": {root: from}}}
	for _, text := range []string{
		"COPY --from=build --chown=65532:65531 /a/ /all/", "COPY --from=build one one", "COPY --from=build one /b/",
	} {
		in, err := parseInstruction(text, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.copyFiles(&tree{root: to, dir: "/work"}, in); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	info, err := os.Stat(to + "/all/run")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o750 || !info.ModTime().Equal(long) {
		t.Errorf("%v, %v", info.Mode(), info.ModTime())
	}
	if info, err := os.Stat(to + "/all"); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("the directory: %v, %v", info, err)
	}
	for _, name := range []string{"/all", "/all/run", "/all/link"} {
		info, err := os.Lstat(to + name)
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != 65532 || s.Gid != 65531 {
			t.Errorf("%s belongs to %d:%d", name, s.Uid, s.Gid)
		}
	}
	if link, err := os.Readlink(to + "/all/link"); err != nil || link != "run" {
		t.Error(link, err)
	}
	for _, name := range []string{"/work/one", "/b/one"} {
		if text, err := os.ReadFile(to + name); err != nil || string(text) != "1" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if err := (&copier{to: to + "/less", ignored: []string{"a/docs"}}).copySource(from, true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to + "/less/a/docs"); err == nil {
		t.Error("an ignored directory is copied")
	}
	if _, err := os.Stat(to + "/less/a/run"); err != nil {
		t.Error(err)
	}
}
