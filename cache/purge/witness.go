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

// witness remembers how far a log had come, in a place that does not share the
// log's fate. It is never ahead of the log, so it need not be synced. That of a
// clock without log belongs to no log, so that the next Open begins another.
type witness struct {
	id  string
	seq uint64
}

func (w witness) line() []byte {
	b, _ := seal(fmt.Appendf(nil, "pictor-purge-witness 1 %s %d", w.id, w.seq), 0, 0)
	return b
}

var errNoWitness = errors.New("not a valid witness file")

// readWitness gives fs.ErrNotExist where there is none, as for an empty path.
func readWitness(path string) (w witness, err error) {
	f, err := os.Open(path)
	if err != nil {
		return w, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return w, err
	}
	return parseWitness(b)
}

// parseWitness takes nothing but what line makes, to the byte.
func parseWitness(b []byte) (w witness, err error) {
	_, err = fmt.Sscanf(string(b), "pictor-purge-witness 1 %s %d", &w.id, &w.seq)
	if err != nil || !isID(w.id) || string(w.line()) != string(b) {
		return w, errNoWitness
	}
	return w, nil
}

// write replaces the witness at once. durable makes it outlast a loss of power.
func (w witness) write(path string, durable bool) (err error) {
	f, err := createAnew(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(w.line())
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(path+".new", path); err == nil && durable {
		err = syncFolder(filepath.Dir(path))
	}
	return err
}

// createAnew makes a file where there may be the rest of a crash. A link that
// somebody has put there is removed, not followed.
func createAnew(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

// witnessPatience is for how long the witness is waited for: its disk is
// another one than the log's, and may hang.
const witnessPatience = time.Second

// testify tells the witness. Without it the log still counts.
func (c *Clock) testify(seq uint64) {
	if c.cfg.Witness == "" {
		return
	}
	err := c.tellSoon(seq)
	if err != nil && !errors.Is(err, errTelling) && !c.warned {
		c.warned = true
		c.cfg.Log.Warn("purge log witness cannot be written; further failures are not logged", "err", err)
	}
}

// errTelling: a witness that was told before has not answered yet.
var errTelling = errors.New("its disk has not responded yet")

// tellSoon tells the witness, and gives up waiting for it after a while.
func (c *Clock) tellSoon(seq uint64) error {
	select {
	case c.telling <- struct{}{}:
	default:
		return errTelling
	}
	told := make(chan error, 1)
	go func() {
		err := c.tell(witness{c.id, seq})
		<-c.telling // before the next purge comes
		told <- err
	}()
	late := time.NewTimer(witnessPatience)
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
	case c.isVoid || c.cfg.Witness == "":
		return nil
	}
	if err := c.tellSoon(0); err != nil {
		return fmt.Errorf("%w: the disk cache cannot be made void: %w", ErrNoLog, err)
	}
	c.isVoid = true
	return nil
}
