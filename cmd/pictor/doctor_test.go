package main

import (
	"encoding/json"
	"errors"
	"net"
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
	cfg := &config.Serve{}
	cfg.Listen = taken.Addr().String()
	got, n := reportOf(func(r *report) { r.checkPorts(cfg) })
	wantLine(t, "port", got, cfg.Listen, n, 1)
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
