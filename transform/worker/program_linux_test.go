package worker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A program that hangs is ended with what it has started, which keeps the FIFO open.
func TestDescribeLeavesNoProcessBehind(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "alive")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ctx, cancel := context.WithCancel(within(t, patience))
	path := scriptFile(t, fmt.Sprintf("(echo up; exec sleep 300) >%s\n", fifo), 0o755)
	ended := make(chan error, 1)
	go func() {
		_, err := Describe(ctx, path, "b")
		ended <- err
	}()
	pollFIFO := func(want int16) {
		t.Helper()
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 20_000); n != 1 || fds[0].Revents&want == 0 {
			t.Fatalf("poll: %d, %v, events %#x", n, err, fds[0].Revents)
		}
	}
	pollFIFO(unix.POLLIN)
	var up [3]byte
	if _, err := unix.Read(fd, up[:]); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, ErrProgram) {
		t.Errorf("got %v", err)
	}
	pollFIFO(unix.POLLHUP)
}
