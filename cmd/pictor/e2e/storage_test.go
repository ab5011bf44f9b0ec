package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
)

// storedIn are the flags of a server whose folders outlast it.
func storedIn(dir string) []string {
	return []string{"--cache-dir", filepath.Join(dir, "cache"), "--state-dir", filepath.Join(dir, "state")}
}

// kill ends a server as a crash would.
func (s *server) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	<-s.done
}

func (s *server) detail(path string) string {
	s.t.Helper()
	a := s.get(path)
	if a.status != http.StatusOK {
		s.t.Errorf("%s: %v", path, a)
	}
	status := a.header.Get("Cache-Status")
	return status[strings.LastIndex(status, "; ")+2:]
}

func TestTheDiskOutlastsAServer(t *testing.T) {
	site, dir := newSite(t), t.TempDir()
	src := site.put("/photo.jpg", photo(600, 400))
	sizes := make([]string, 6)
	for i := range sizes {
		sizes[i] = signed(t, fmt.Sprintf("/w:%d/ct:size%d/plain/%s", 100+i, i, src))
	}
	s := serveLocal(t, storedIn(dir)...)
	for _, p := range sizes {
		if got := s.detail(p); got != "stored" {
			t.Errorf("cold: %s", got)
		}
	}
	second := serveLocal(t, append(storedIn(dir), "--directory-wait", "0s")...)
	log := second.logged()
	if !strings.Contains(log, "cache directory is in use by another process: running without a disk cache") ||
		!strings.Contains(log, "purge log is in use by another process: running without it") {
		t.Errorf("a second server in the same directories: %s", log)
	}
	if got := second.detail(sizes[0]); got != "stored" {
		t.Errorf("the second server: %s", got)
	}
	second.stop()
	s.stop()

	s = serveLocal(t, storedIn(dir)...)
	for _, p := range sizes[:3] {
		if got := s.detail(p); got != "detail=disk" {
			t.Errorf("after a restart: %s", got)
		}
	}
	another := signed(t, "/w:200/plain/"+src)
	if got := s.detail(another); got != "stored" || site.count("/photo.jpg") != 2 {
		t.Errorf("another size: %s, %d fetches", got, site.count("/photo.jpg"))
	}
	admin := []string{"--admin-listen", strings.TrimPrefix(s.admin, "http://")}
	out, errs, code := pictor(t, nil, append([]string{"purge", "--tag", "size1"}, admin...)...)
	if code != 0 || !strings.Contains(out, "sequence 1") || !strings.Contains(out, "next: size1") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if _, errs, code := pictor(t, nil, append([]string{"purge", "--prefix", "https://x"}, admin...)...); code == 0 ||
		!strings.Contains(errs, "scheme://host/") {
		t.Errorf("%d %q", code, errs)
	}
	s.kill()

	s = serveLocal(t, storedIn(dir)...)
	if a, b := s.detail(sizes[1]), s.detail(sizes[2]); a != "stored" || b != "detail=disk" {
		t.Errorf("purged: %s, not purged: %s", a, b)
	}
	s.stop()
	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	s = serveLocal(t, storedIn(dir)...)
	if got := s.detail(sizes[2]); got != "stored" ||
		!strings.Contains(s.logged(), "all disk cache entries are invalid") {
		t.Errorf("without the log of purges: %s, %s", got, s.logged())
	}
}

func TestWithoutAFolderThereIsNoDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	site := newSite(t)
	src := site.put("/photo.jpg", photo(60, 40))
	s := serveLocal(t, "--cache-dir", file, "--state-dir", file)
	if log := s.logged(); !strings.Contains(log,
		`level=WARN msg="cache directory cannot be used: running without a disk cache"`) {
		t.Error(log)
	}
	p := signed(t, "/w:10/plain/"+src)
	if a, b := s.detail(p), s.detail(p); a != "stored" || b != "detail=memory" {
		t.Errorf("%s, then %s", a, b)
	}
	s.stop()
	s = serveLocal(t, "--cache-disk", "off")
	if log := s.logged(); strings.Contains(log, "disk cache") || strings.Contains(log, "cache directory") {
		t.Error(log)
	}
}

// A server that is killed again and again, while it writes: what it answers is
// right, and what it keeps within the bound.
func TestAServerIsKilledWhileItWrites(t *testing.T) {
	long(t, "kills")
	const times, pictures, bound = 8, 60, 1 << 20
	site, dir := newSite(t), t.TempDir()
	src := site.put("/photo.jpg", photo(900, 600))
	paths, right := make([]string, pictures), make([][]byte, pictures)
	plain := serveLocal(t, "--cache-disk", "off")
	all := 0
	for i := range paths {
		paths[i] = signed(t, fmt.Sprintf("/w:%d/plain/%s", 300+5*i, src))
		right[i] = plain.get(paths[i]).body
		all += len(right[i])
	}
	plain.stop()
	if all < bound { // results have less than that: half of it is for sources
		t.Fatalf("%d bytes of results fill no disk of %d", all, bound)
	}
	fromDisk := 0
	// On a machine that stands still a server may be killed before it has
	// written anything: then there are more of them.
	for round := 0; round < times || fromDisk == 0 && round < 5*times; round++ {
		s := serveLocal(t, append(storedIn(dir), "--cache-disk", "1MiB", "--cache-memory", "off")...)
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 4 {
			wg.Go(func() {
				for {
					i := rand.IntN(pictures)
					a, err := s.try(http.MethodGet, paths[i])
					if err != nil {
						return // it was killed
					}
					if a.status == http.StatusServiceUnavailable {
						continue
					}
					if a.status != http.StatusOK || !bytes.Equal(a.body, right[i]) {
						t.Errorf("%s: %v", paths[i], a)
					}
					mu.Lock()
					if strings.Contains(a.header.Get("Cache-Status"), "detail=disk") {
						fromDisk++
					}
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(50+rand.IntN(200)) * time.Millisecond)
		s.kill()
		wg.Wait()
		if n := onDisk(t, dir); n > bound {
			t.Errorf("%d bytes are on disk", n)
		}
	}
	if fromDisk == 0 {
		t.Error("nothing came from disk")
	}
}

// onDisk is what records and what is on its way to be one take, in blocks.
func onDisk(t *testing.T, dir string) (n int64) {
	t.Helper()
	for _, part := range []string{"results", "sources", "tmp"} {
		filepath.WalkDir(filepath.Join(dir, "cache", "pictor-v1", part),
			func(_ string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return nil
				}
				if st, err := e.Info(); err == nil {
					n += (st.Size() + 4095) / 4096 * 4096
				}
				return nil
			})
	}
	return n
}

func TestAHundredThousandRecordsAtTheStart(t *testing.T) {
	long(t, "100,000 records")
	const many = 100_000
	dir := t.TempDir()
	f, err := diskstore.OpenFolder(filepath.Join(dir, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := f.Open("results", diskstore.Config{MaxBytes: 1 << 30, MaxRecords: many, StallTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	<-store.Ready()
	for i := range many {
		if err := store.Put(diskstore.NameOf(fmt.Sprint(i)), []byte("{}"), strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
	}
	store.Close()
	f.Close()
	site, others := newSite(t), watchContention(t)
	src := site.put("/photo.jpg", photo(60, 40))
	// A start that counted them first would take as long as the counting does;
	// one with no record to count is what it is compared with, in turns.
	empty := t.TempDir()
	least := map[string]time.Duration{dir: time.Hour, empty: time.Hour}
	var s *server
	for i := range 3 {
		for _, folder := range []string{empty, dir} {
			if s != nil {
				s.stop()
			}
			p := signed(t, fmt.Sprintf("/w:%d/plain/%s", 10+i, src)) // another one that is not on disk
			start := time.Now()
			s = serveLocal(t, append(storedIn(folder), "--memory-limit", "2GiB", "--cache-disk", "2GiB")...)
			if a := s.get(p); a.status != http.StatusOK {
				t.Error(a)
			}
			least[folder] = min(least[folder], time.Since(start))
		}
	}
	t.Logf("the first picture came %v after the start, without records %v", least[dir], least[empty])
	if quiet := others.quiet(); quiet && least[dir] > 4*least[empty] {
		t.Errorf("with %d records the start takes %v, without %v", many, least[dir], least[empty])
	}
	counted := func() string {
		resp, err := client.Get(s.admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		return b.String()
	}
	waitFor(t, "all records to be counted", func() bool {
		// And the pictures', if they came after the counting.
		return strings.Contains(counted(), "pictor_disk_records{store=\"results\"} 10000")
	})
}

// A trial leaves the directories of a server of the same user alone.
func TestDevHasDirectoriesOfItsOwn(t *testing.T) {
	s := serve(t, "--dev")
	home := ""
	for _, v := range s.cmd.Env {
		if at, ok := strings.CutPrefix(v, "HOME="); ok {
			home = at
		}
	}
	for path, want := range map[string]bool{
		".cache/pictor-dev/pictor-v1": true, ".local/state/pictor-dev": true, ".cache/pictor-v1": false, ".local/state/pictor": false,
		"Library/Caches/pictor-v1": false, "Library/Application Support/pictor": false,
	} {
		if _, err := os.Stat(filepath.Join(home, path)); (err == nil) != want && runtime.GOOS == "linux" {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}
