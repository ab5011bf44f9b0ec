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

// checkpoint remembers how far a log had come, in a place that does not share the
// log's fate. It is never ahead of the log, so it need not be synced. That of a
// clock without log belongs to no log, so that the next Open begins another.
type checkpoint struct {
	id  string
	seq uint64
}

func (w checkpoint) encodeLine() []byte {
	b, _ := sealLine(fmt.Appendf(nil, "pictor-purge-witness 1 %s %d", w.id, w.seq), 0, 0)
	return b
}

var errBadCheckpoint = errors.New("not a valid checkpoint file")

// readCheckpoint gives fs.ErrNotExist where there is none, as for an empty path.
func readCheckpoint(path string) (w checkpoint, err error) {
	f, err := os.Open(path)
	if err != nil {
		return w, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return w, err
	}
	return parseCheckpoint(b)
}

// parseCheckpoint takes nothing but what line makes, to the byte.
func parseCheckpoint(b []byte) (w checkpoint, err error) {
	_, err = fmt.Sscanf(string(b), "pictor-purge-witness 1 %s %d", &w.id, &w.seq)
	if err != nil || !isID(w.id) || string(w.encodeLine()) != string(b) {
		return w, errBadCheckpoint
	}
	return w, nil
}

// writeFile replaces the checkpoint at once. durable makes it outlast a loss of power.
func (w checkpoint) writeFile(path string, durable bool) (err error) {
	f, err := createExclusive(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(w.encodeLine())
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

// checkpointTimeout is for how long the checkpoint is waited for: its disk is
// another one than the log's, and may hang.
const checkpointTimeout = time.Second

// writeCheckpoint tells the checkpoint. Without it the log still counts.
func (c *Clock) writeCheckpoint(seq uint64) {
	if c.cfg.Checkpoint == "" {
		return
	}
	err := c.writeWithTimeout(seq)
	if err != nil && !errors.Is(err, errCheckpointBusy) && !c.warned {
		c.warned = true
		c.cfg.Log.Warn("purge log checkpoint cannot be written; further failures are not logged", "err", err)
	}
}

// errCheckpointBusy: a checkpoint that was told before has not answered yet.
var errCheckpointBusy = errors.New("its disk has not responded yet")

// writeWithTimeout tells the checkpoint, and gives up waiting for it after a while.
func (c *Clock) writeWithTimeout(seq uint64) error {
	select {
	case c.checkpointBusy <- struct{}{}:
	default:
		return errCheckpointBusy
	}
	told := make(chan error, 1)
	go func() {
		err := c.storeCheckpoint(checkpoint{c.id, seq})
		<-c.checkpointBusy // before the next purge comes
		told <- err
	}()
	late := time.NewTimer(checkpointTimeout)
	defer late.Stop()
	select {
	case err := <-told:
		return err
	case <-late.C:
		return errors.New("its disk does not respond")
	}
}

// voidOldCache makes sure that the next Open does not carry on the log which this
// clock goes without: that log lacks the purges of this run. The entries of
// earlier runs are then of another identity for good.
func (c *Clock) voidOldCache() error {
	switch {
	case c.cfg.RefusePurges:
		return fmt.Errorf("%w: nor a disk cache of this process", ErrNoLog)
	case c.isVoid || c.cfg.Checkpoint == "":
		return nil
	}
	if err := c.writeWithTimeout(0); err != nil {
		return fmt.Errorf("%w: the disk cache cannot be made void: %w", ErrNoLog, err)
	}
	c.isVoid = true
	return nil
}
