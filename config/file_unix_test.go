//go:build unix

package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A file that a setting names may be a FIFO. One that nobody writes to, or that
// nobody closes, is an error and not a start that hangs.
func TestReadStart(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	fifo := func(name string) string {
		if err := syscall.Mkfifo(at(name), 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	if err := os.WriteFile(at("file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	write := func(path string, closes bool) string {
		go func() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return
			}
			defer f.Close()
			if _, err := f.WriteString("content"); err == nil && !closes {
				<-over
			}
		}()
		return path
	}
	for name, test := range map[string]struct {
		path string
		want string
		err  string
		most time.Duration
	}{
		"file":                          {at("file"), "content", "", time.Minute},
		"directory":                     {dir, "", "is a directory", time.Minute},
		"nothing":                       {at("nothing"), "", "no such file", time.Minute},
		"device":                        {"/dev/zero", strings.Repeat("\x00", 10), "", time.Minute},
		"FIFO":                          {write(fifo("a"), true), "content", "", time.Minute},
		"FIFO without a writer":         {fifo("b"), "", "FIFO", time.Second / 20},
		"FIFO that its writer does not": {write(fifo("c"), false), "", "FIFO", time.Second / 20},
	} {
		got, err := readStart(test.path, 10, test.most)
		if string(got) != test.want || (err == nil) != (test.err == "") ||
			err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	close(over)
	if f, err := os.OpenFile(at("b"), os.O_WRONLY, 0); err == nil { // lets the reader go
		f.Close()
	}
}
