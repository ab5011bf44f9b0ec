package hidden

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stall has everyone wait who opens a file, until the end is called or the kernel's patience (45 s) is over.
func stall(t *testing.T, path string) (end func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	}
	if err != nil {
		t.Skipf("the file system of %s has no leases: %v", path, err)
	}
	return func() { f.Close() }
}

// A disk that hangs at the start is waited for only so long. When it responds, the log is let go of: also one with more
// sources than there may be.
func TestOpenOfADiskThatHangs(t *testing.T) {
	for _, most := range []int{10, 1} {
		dir := t.TempDir()
		s := open(t, Config{Dir: dir})
		sources := []Source{numbered(1), numbered(2)}
		add(t, s, 2, sources...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		end := stall(t, logOf(dir))
		cfg := Config{Dir: dir, Max: most, openTimeout: 50 * time.Millisecond}
		if _, err := Open(cfg); !errors.Is(err, ErrStalled) {
			t.Errorf("at most %d sources: %v", most, err)
		}
		if _, err := Open(cfg); !errors.Is(err, ErrInUse) {
			t.Errorf("while the first one waits: %v", err)
		}
		end()
		cfg.openTimeout = 0
		again, err := Open(cfg)
		for errors.Is(err, ErrInUse) {
			time.Sleep(time.Millisecond)
			again, err = Open(cfg)
		}
		if most < len(sources) {
			if !errors.Is(err, ErrTooMany) {
				t.Errorf("too many sources: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		mustFind(t, again, sources...)
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}
