package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
)

func reportOf(check func(*report)) (string, int) {
	var b strings.Builder
	r := &report{}
	check(r)
	_ = r.write(&b, false)
	return b.String(), r.problems()
}

func wantLine(t *testing.T, name, got, want string, problems, wantProblems int) {
	t.Helper()
	if !strings.Contains(got, want) || problems != wantProblems {
		t.Errorf("%s: %q and %d problems, want %q and %d", name, got, problems, want, wantProblems)
	}
}

func TestDoctorTriesToWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, dir string
		err       error
		want      string
		problems  int
	}{
		{"there", dir, nil, "ok ", 0},
		{"to be made", filepath.Join(dir, "a", "b"), nil, "ok ", 0},
		{"off", "", nil, "switched off", 0},
		{"nowhere", "", errors.New("no home"), "note ", 0},
		{"below a file", filepath.Join(file, "a"), nil, "PROBLEM ", 1},
	} {
		got, n := reportOf(func(r *report) { _, _ = r.checkFolder("cache directory", tc.dir, tc.err) })
		wantLine(t, tc.name, got, tc.want, n, tc.problems)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v are left, want the file alone", left, err)
	}
}

func TestDoctorSaysWhatIsInTheWay(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	go func() { // another program, which knows no HTTP
		for {
			client, err := taken.Accept()
			if err != nil {
				return
			}
			client.Close()
		}
	}()
	cfg := &config.Serve{}
	cfg.Listen = taken.Addr().String()
	got, n := reportOf(func(r *report) { r.checkPorts(cfg) })
	wantLine(t, "port", got, cfg.Listen, n, 1)
	wantLine(t, "another program", got, "PROBLEM ", n, 1)
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	}))
	defer running.Close()
	cfg.Listen = running.Listener.Addr().String()
	got, n = reportOf(func(r *report) { r.checkPorts(cfg) })
	wantLine(t, "a server", got, "note     A pictor serves at "+cfg.Listen, n, 0)
	got, n = reportOf(func(r *report) { r.checkSettings(&config.Serve{}) })
	wantLine(t, "no keys", got, "PROBLEM  no signing key", n, max(n, 1))
	small := &config.Serve{}
	small.MemoryLimit = 1 << 20
	got, n = reportOf(func(r *report) { r.checkMemory(small) })
	wantLine(t, "memory", got, "PROBLEM ", n, 1)
	absent := &config.Serve{}
	absent.WorkerCommand = filepath.Join(t.TempDir(), "none")
	got, n = reportOf(func(r *report) { r.checkWorker(absent) })
	wantLine(t, "worker", got, "PROBLEM ", n, 1)
}

func TestMissingFormatsAreASentence(t *testing.T) {
	for _, tc := range []struct{ without, want string }{
		{"", ""},
		{"load heic", "This libvips cannot load heic (Debian 12: libheif1; Debian 13: libheif-plugin-libde265)."},
		{"load bmp", "This libvips cannot load bmp."},
		{"load jxl,save jxl,load bmp", "This libvips cannot load jxl, save jxl, load bmp (Debian 12: libjxl0.7; " +
			"Debian 13: libjxl0.11)."},
	} {
		var list []string
		if tc.without != "" {
			list = strings.Split(tc.without, ",")
		}
		if got := optionalLine(list); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.without, got, tc.want)
		}
	}
}

func TestDoctorsReport(t *testing.T) {
	r := &report{}
	r.ok("version", "pictor %d", 1)
	r.problemOf("settings", "Look.", config.Invalid(errors.Join(errors.New("one\n is <bad>"), errors.New("two"))))
	var lines, array strings.Builder
	if err := errors.Join(r.write(&lines, false), r.write(&array, true)); err != nil {
		t.Fatal(err)
	}
	if want := "ok       pictor 1.\nPROBLEM  one is <bad>. Look.\nPROBLEM  two. Look.\n"; lines.String() != want {
		t.Errorf("%q, want %q", lines.String(), want)
	}
	var read []finding
	if err := json.Unmarshal([]byte(array.String()), &read); err != nil || !slices.Equal(read, r.findings) {
		t.Errorf("%v, %v, want %v", read, err, r.findings)
	}
	if r.problems() != 2 || !strings.Contains(array.String(), `"text": "one is <bad>."`) {
		t.Errorf("%d problems, %s", r.problems(), array.String())
	}
}

func TestDoctorKnowsLibraries(t *testing.T) {
	for _, tc := range []struct {
		vips, heif string
		problems   int
		want       string
	}{
		{"8.12.1", "", 1, "before 8.14"}, {"8.14.1", "1.15.1", 0, "libheif is 1.15.1"},
		{"8.18.0", "1.20.2", 0, ""}, {"unknown", "", 0, ""},
	} {
		got, n := reportOf(func(r *report) { r.addKnown(map[string]string{"libvips": tc.vips, "libheif": tc.heif}) })
		wantLine(t, tc.vips, got, tc.want, n, tc.problems)
		if tc.want == "" && got != "" {
			t.Errorf("%s, %s: %q", tc.vips, tc.heif, got)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "libheif.so.1.15.1")
	link := filepath.Join(dir, "libheif.so.1")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if v := libraryVersion("libheif", []string{t.TempDir(), dir}); v != "1.15.1" {
		t.Errorf("libheif %q", v)
	}
}

func TestDoctorReadsCgroups(t *testing.T) {
	mounted := t.TempDir()
	one, list := filepath.Join(mounted, "memory", "a"), filepath.Join(mounted, "list")
	if err := os.MkdirAll(one, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ content, want string }{
		{"0::/b/c\n", filepath.Join(mounted, "b", "c")},
		{"4:cpu,memory:/a\n0::/\n", one},
		{"4:memory:/of/the/host\n", filepath.Join(mounted, "memory")},
		{"nonsense\n", ""},
	} {
		if err := os.WriteFile(list, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := cgroupFolder(list, mounted); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.content, got, tc.want)
		}
	}
}
