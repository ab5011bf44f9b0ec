package hidden

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	logName  = "hidden.log"
	lockName = "hidden.lock"
)

// logHandle is what a log needs of an *os.File.
type logHandle interface {
	io.ReaderAt
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// sourceLog is the file that records are appended to. One goroutine writes.
type sourceLog struct {
	f    logHandle
	size int64 // of what is known to be on disk
	// broken is why nothing may be written any more.
	broken error
}

// openLog opens the log of a folder, or begins one.
func openLog(dir string) (*os.File, error) {
	name := filepath.Join(dir, logName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := beginLog(name); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
}

// beginLog makes an empty log. It has its header, or there is none, whatever happens on the way.
func beginLog(name string) error {
	if err := os.Remove(name + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(logHeader)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		_ = os.Remove(name + ".new")
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// appendRecords writes records; without an error they are on disk. After an error the log is
// as it was, or broken.
func (l *sourceLog) appendRecords(b []byte) error {
	if l.broken != nil {
		return fmt.Errorf("%w: since %w", ErrLog, l.broken)
	}
	_, err := l.f.Write(b)
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		l.rollBack()
		return classifyError(err)
	}
	l.size += int64(len(b))
	return nil
}

// rollBack takes back what was written of records. Should that fail, too, the end of the file is
// not known, and nothing is written after it.
func (l *sourceLog) rollBack() {
	l.broken = l.f.Truncate(l.size)
	if l.broken == nil {
		l.broken = l.f.Sync()
	}
}
