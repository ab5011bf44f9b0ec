package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// queue is a file whose lock a server holds while it waits for a directory, so that the one that has the directory
// sees it wait. The kernel lets go of the lock when the server ends, however it ends.
type queue string

// lookAtQueue is how often a server that waits tries again, and one that drains looks for one that waits.
const lookAtQueue = 20 * time.Millisecond

// lock takes the lock of the file until it is closed; nil where another server has it, or there is none to be had.
func (q queue) lock() *os.File {
	f, err := os.OpenFile(string(q), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil
	}
	return f
}

// isWaitedAt says whether another server waits.
func (q queue) isWaitedAt() bool {
	if _, err := os.Lstat(string(q)); err != nil {
		return false // nobody ever did
	}
	f := q.lock()
	if f != nil {
		f.Close()
	}
	return f == nil
}

// awaitDirectory opens what is in a directory. As long as that is inUse by another server it waits, until a time.
func awaitDirectory[T any](
	file string, until time.Time, inUse error, log *slog.Logger, open func() (T, error),
) (opened T, err error) {
	var waits *os.File
	for told := false; ; time.Sleep(lookAtQueue) {
		opened, err = open()
		if !errors.Is(err, inUse) || !time.Now().Before(until) {
			break
		}
		if waits == nil {
			waits = queue(file).lock() // or another one waits, too
		}
		if !told {
			told = true
			log.Info("directory is in use by another process: waiting for it", "directory", filepath.Dir(file),
				"at_most", time.Until(until).Round(time.Second).String())
		}
	}
	if waits != nil {
		waits.Close()
	}
	return opened, err
}
