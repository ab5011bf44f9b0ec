package purge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// checkpoint says how far a log had come, in a place that does not share the
// log's fate. It is never ahead of the log, so it need not be synced. That of a
// clock without log belongs to no log, so that the next Open begins another.
type checkpoint struct {
	id  string
	seq uint64
}

func (cp checkpoint) encodeLine() []byte {
	b, _ := sealLine(fmt.Appendf(nil, "pictor-purge-witness 1 %s %d", cp.id, cp.seq), 0, 0)
	return b
}

var errBadCheckpoint = errors.New("not a valid checkpoint file")

// readCheckpoint returns fs.ErrNotExist where there is no checkpoint, as for an empty path.
func readCheckpoint(path string) (cp checkpoint, err error) {
	f, err := os.Open(path)
	if err != nil {
		return cp, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return cp, err
	}
	return parseCheckpoint(b)
}

// parseCheckpoint accepts only the bytes that encodeLine makes.
func parseCheckpoint(b []byte) (cp checkpoint, err error) {
	_, err = fmt.Sscanf(string(b), "pictor-purge-witness 1 %s %d", &cp.id, &cp.seq)
	if err != nil || !isID(cp.id) || string(cp.encodeLine()) != string(b) {
		return cp, errBadCheckpoint
	}
	return cp, nil
}

// writeFile replaces the checkpoint at once. durable makes it outlast a loss of power.
func (cp checkpoint) writeFile(path string, durable bool) (err error) {
	f, err := createExclusive(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(cp.encodeLine())
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(path+".new", path); err == nil && durable {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

// createExclusive makes a file where there may be the rest of a crash. A link that
// somebody has put there is removed, not followed.
func createExclusive(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

// checkpointTimeout bounds the wait for a checkpoint: its disk is another one than
// the log's, and may hang.
const checkpointTimeout = time.Second

// checkpointWriter writes the checkpoint of one clock, one write at a time.
type checkpointWriter struct {
	path string // "" for none
	busy chan struct{}
	// store replaces the file. It takes as long as the disk does.
	store func(checkpoint) error
	// isVoid: a clock without log has written its identity.
	isVoid bool
	// hasWarned: a failure was logged.
	hasWarned bool
}

// newCheckpointWriter makes the writer of a file; durable is for a checkpoint that
// must outlast a loss of power.
func newCheckpointWriter(path string, durable bool) checkpointWriter {
	return checkpointWriter{
		path: path, busy: make(chan struct{}, 1),
		store: func(cp checkpoint) error { return cp.writeFile(path, durable) },
	}
}

// errCheckpointBusy: an earlier write of the checkpoint has not returned.
var errCheckpointBusy = errors.New("its disk has not responded yet")

// writeWithTimeout replaces the checkpoint, and gives up the wait after a while. The
// write goes on then, and until it returns no other one begins.
func (w *checkpointWriter) writeWithTimeout(cp checkpoint) error {
	select {
	case w.busy <- struct{}{}:
	default:
		return errCheckpointBusy
	}
	written := make(chan error, 1)
	go func() {
		err := w.store(cp)
		<-w.busy // before the next purge comes
		written <- err
	}()
	late := time.NewTimer(checkpointTimeout)
	defer late.Stop()
	select {
	case err := <-written:
		return err
	case <-late.C:
		return errors.New("its disk does not respond")
	}
}

// writeCheckpoint records how far the log has come. A failure is logged once:
// without its checkpoint the log still counts.
func (c *Clock) writeCheckpoint(seq uint64) {
	w := &c.checkpoint
	if w.path == "" {
		return
	}
	err := w.writeWithTimeout(checkpoint{c.id, seq})
	if err != nil && !errors.Is(err, errCheckpointBusy) && !w.hasWarned {
		w.hasWarned = true
		c.cfg.Log.Warn("purge log checkpoint cannot be written; further failures are not logged", "err", err)
	}
}

// voidOldCache makes sure that the next Open does not continue the log which this
// clock goes without, because that log lacks the purges of this run. The entries of
// earlier runs are then of another identity for good.
func (c *Clock) voidOldCache() error {
	w := &c.checkpoint
	switch {
	case c.cfg.RefusePurges:
		return fmt.Errorf("%w, nor a disk cache of this process", ErrNoLog)
	case w.isVoid || w.path == "":
		return nil
	}
	if err := w.writeWithTimeout(checkpoint{id: c.id}); err != nil {
		return fmt.Errorf("%w, and the disk cache cannot be made void: %w", ErrNoLog, err)
	}
	w.isVoid = true
	return nil
}
