package purge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	logName    = "purge.log"
	brokenName = "purge.log.broken"
	lockName   = "purge.lock"
	// maxGrowth is by how much a log may grow until it is compacted, in bytes.
	maxGrowth = 8 << 20
)

// ErrLog: a purge could not be written to the log, so nothing of it is applied.
var ErrLog = errors.New("purge log cannot be written")

// QueueFile is the file in the folder of a log at whose lock a process waits for one that ends.
func QueueFile(dir string) string { return filepath.Join(dir, "purge.next") }

// LogExists reports whether a folder has a log. One that cannot be looked at counts
// as one that has.
func LogExists(dir string) bool {
	if dir == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, logName))
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
}

// logHandle is what a journal needs of an *os.File.
type logHandle interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// journal is a log that is written to. Its nil value keeps nothing.
type journal struct {
	dir, id string
	f       logHandle
	size    int64  // of what is known to be on disk
	sum     uint64 // of the last line
	// base is what of size does not count when the log is to be compacted: its
	// snapshot, which if it is large would be made over and over.
	base int64
	// broken is why nothing may be written any more.
	broken error
}

// newJournal writes a log that begins with a snapshot, and gives it the log's
// name. The event order:
//
//  1. A file of another name is written and synced.
//  2. It takes the log's name: a crash leaves the old log or the new one.
//  3. The folder is synced. Until then the old one could come back.
//
// Before the second step an error leaves all as it was, and there is no
// journal. After it there is one, but broken.
func newJournal(dir, id string, snapshot []logLine, now time.Time) (*journal, error) {
	name := filepath.Join(dir, logName)
	f, err := createExclusive(name + ".new")
	if err != nil {
		return nil, err
	}
	j := &journal{dir: dir, id: id, f: f}
	if err = j.writeSnapshot(snapshot, now); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		f.Close()
		_ = os.Remove(name + ".new") // a full disk has better use for its room
		return nil, err
	}
	j.broken = syncDir(dir)
	return j, j.broken
}

func (j *journal) writeSnapshot(snapshot []logLine, now time.Time) error {
	w := bufio.NewWriter(j.f)
	b, sum := sealLine([]byte(logHeader(j.id, len(snapshot))), 0, 0)
	for _, l := range snapshot {
		_, _ = w.Write(b) // Flush has the error
		j.size += int64(len(b))
		b, sum = l.appendTo(b[:0], sum, now.Unix())
	}
	_, _ = w.Write(b)
	j.size += int64(len(b))
	j.sum = sum
	j.base = j.size
	if err := w.Flush(); err != nil {
		return err
	}
	return j.f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// loggedPurge is a purge as the log has it.
type loggedPurge struct {
	seq     uint64
	mode    Mode
	targets []Target
}

// appendPurges writes purges; without an error they are on disk, and with one none of them is.
func (j *journal) appendPurges(now time.Time, purges ...loggedPurge) error {
	if j == nil {
		return nil
	}
	if j.broken != nil {
		return fmt.Errorf("%w: since %w", ErrLog, j.broken)
	}
	var b []byte
	sum := j.sum
	for _, p := range purges {
		for i, t := range p.targets {
			l := logLine{seq: p.seq, mode: p.mode, remaining: len(p.targets) - 1 - i, Target: t}
			b, sum = l.appendTo(b, sum, now.Unix())
		}
	}
	_, err := j.f.Write(b)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		j.rollBack()
		return fmt.Errorf("%w: %w", ErrLog, err)
	}
	j.size += int64(len(b))
	j.sum = sum
	return nil
}

// rollBack takes back what was written of a purge that failed. Should that fail,
// too, the end of the file is not known, and nothing is written after it.
func (j *journal) rollBack() {
	j.broken = j.f.Truncate(j.size)
	if j.broken == nil {
		j.broken = j.f.Sync()
	}
}

// compact begins the log anew with a snapshot. An error that does not break
// the journal means that it goes on as it is.
func (j *journal) compact(snapshot []logLine, now time.Time) error {
	next, err := newJournal(j.dir, j.id, snapshot, now)
	if next == nil {
		j.base = j.size // not to be tried again at once
		return err
	}
	_ = j.f.Close() // the file is gone, and what it had is in the new one
	*j = *next
	return err
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.f.Close()
}
