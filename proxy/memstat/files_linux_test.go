package memstat

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadFilesCountsThoseOfTheName(t *testing.T) {
	for _, name := range []string{"memstat-test", "memstat-test", "memstat-test-other"} {
		fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), name)
		defer f.Close()
		if _, err := f.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := ReadFiles("memstat-test")
	if err != nil || f != (Files{2, 2000}) {
		t.Errorf("%+v, %v", f, err)
	}
}
