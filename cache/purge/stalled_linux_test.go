package purge

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A disk that hangs at the start is waited for only so long. When it responds, the log is let go of, and the checkpoint
// is as the clock without a log has left it.
func TestOpenOfADiskThatHangs(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: filepath.Join(dir, "state"), Checkpoint: filepath.Join(dir, "checkpoint"),
		openTimeout: 50 * time.Millisecond}
	if err := syscall.Mkfifo(cfg.Checkpoint, 0o600); err != nil { // to open it waits for a writer
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.Is(err, ErrStalled) {
		t.Fatalf("%v", err)
	}
	if _, err := Open(cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("while the first one waits: %v", err)
	}
	pipe, err := os.OpenFile(cfg.Checkpoint, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cfg.Checkpoint); err != nil {
		t.Fatal(err)
	}
	void := open(t, Config{Checkpoint: cfg.Checkpoint})
	pipe.Close() // the one that waits reads nothing
	cfg.openTimeout = 0
	c, err := Open(cfg)
	for errors.Is(err, ErrInUse) {
		time.Sleep(time.Millisecond)
		c, err = Open(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.ID() == void.ID() || c.begun == nil || errors.Is(c.begun, errNoLogYet) {
		t.Errorf("the log that was opened late counts on: %v", c.begun)
	}
}
