package worker

import (
	"bytes"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func FuzzFigures(f *testing.F) {
	f.Add([]byte("5690 1303 890 12 0 1200 0\n"))
	f.Add([]byte("0 0 0 0 0 0 0\n"))
	f.Add([]byte("1 2 -3 4 0 6 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if f, err := parseFigures(b); err == nil && (f.data <= 0 || f.anon < 0) {
			t.Fatalf("%q: %+v", b, f)
		}
	})
}

// statusOf reads a figure of /proc/self/status in bytes.
func statusOf(t *testing.T, name string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(b, []byte("\n"+name+":"))
	number := bytes.Fields(rest)
	if !found || len(number) == 0 {
		t.Fatalf("no %s", name)
	}
	kb, err := strconv.ParseInt(string(number[0]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// The figures are those of the status of the process: memory of its own counts, whether it was
// touched or not, and a shared mapping is not in it.
func TestFiguresAreThoseOfTheStatus(t *testing.T) {
	const size, grain = 64 << 20, 8 << 20
	check := func(what string) figures {
		t.Helper()
		f, err := readFigures(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		anon, data := statusOf(t, "RssAnon"), statusOf(t, "VmData")
		if f.anon < anon-grain || f.anon > anon+grain || f.data < data-grain || f.data > data+grain {
			t.Errorf("%s: %+v, the status has %d of RssAnon and %d of VmData", what, f, anon, data)
		}
		return f
	}
	before := check("at first")
	for name, kind := range map[string]int{"private": unix.MAP_PRIVATE, "shared": unix.MAP_SHARED} {
		b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, kind|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		mapped := check(name + ", untouched")
		for i := 0; i < size; i += 4 << 10 {
			b[i] = 1
		}
		touched := check(name + ", touched")
		if private := kind == unix.MAP_PRIVATE; (touched.anon > mapped.anon+size/2) != private ||
			(mapped.data > before.data+size/2) != private {
			t.Errorf("%s: %+v, mapped %+v, touched %+v", name, before, mapped, touched)
		}
		if err := unix.Munmap(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readFigures(1 << 30); err == nil {
		t.Error("a process that is not there has figures")
	}
}
