package purge

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Open opens the log of a folder, or begins one. Where the log or its checkpoint
// is not as it was left, the log is put aside as purge.log.broken and another
// one is begun. Errors are ErrInUse, ErrStalled where the disk does not respond within
// openTimeout, and those of a folder that cannot be used.
func Open(cfg Config) (*Clock, error) {
	if cfg.MaxExact <= 0 {
		cfg.MaxExact = DefaultMaxExact
	}
	if cfg.MaxPrefixes <= 0 {
		cfg.MaxPrefixes = DefaultMaxPrefixes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.growth <= 0 {
		cfg.growth = maxGrowth
	}
	if cfg.timeout <= 0 {
		cfg.timeout = Timeout
	}
	if cfg.openTimeout <= 0 {
		cfg.openTimeout = openTimeout
	}
	c := &Clock{
		cfg: cfg, writing: make(chan struct{}, 1),
		checkpoint: newCheckpointWriter(cfg.Checkpoint, cfg.Dir == ""),
	}
	if cfg.Dir == "" {
		c.renewID(errNoLogYet)
		if err := c.voidOldCache(); err != nil && !cfg.RefusePurges {
			cfg.Log.Error("disk cache of earlier runs cannot be invalidated: purges are refused until it can be",
				"err", err)
		}
		return c, nil
	}
	if err := c.openInTime(); err != nil {
		return nil, fmt.Errorf("open purge log in %s: %w", cfg.Dir, err)
	}
	c.writeCheckpoint(c.Applied())
	return c, nil
}

// openTimeout bounds the wait for the disk at the start. It is longer than Timeout: without its log a server has to
// forget its disk cache.
const openTimeout = 15 * time.Second

// openInTime gives up the wait for a disk that hangs. Where the disk responds later, the log is let go of. It has not
// touched the checkpoint, which belongs to the clock that took this one's place by then.
func (c *Clock) openInTime() error {
	opened := make(chan error, 1)
	go func() {
		err := c.openLog()
		if err != nil {
			_ = c.Close() // the first error tells more
		}
		opened <- err
	}()
	late := time.NewTimer(c.cfg.openTimeout)
	defer late.Stop()
	select {
	case err := <-opened:
		return err
	case <-late.C:
		go func() {
			<-opened
			_ = c.Close() // nobody waits for the error
		}()
		return ErrStalled
	}
}

func (c *Clock) openLog() (err error) {
	if err = os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return err
	}
	if c.lock, err = lockFile(filepath.Join(c.cfg.Dir, lockName)); err != nil {
		return err
	}
	if err = c.restoreState(); err == nil {
		c.compactLog()
		err = c.log.broken
	} else {
		err = c.beginLog(err)
	}
	if err != nil {
		return err
	}
	c.logBytes.Store(c.log.size)
	return nil
}

// errNoLogYet: there is neither a log nor a checkpoint of one.
var errNoLogYet = errors.New("there is no purge log")

// restoreState reads the log and holds it against its checkpoint. An error says why
// they cannot be trusted.
func (c *Clock) restoreState() error {
	last, noCheckpoint := readCheckpoint(c.cfg.Checkpoint)
	f, err := os.OpenFile(filepath.Join(c.cfg.Dir, logName), os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if errors.Is(noCheckpoint, fs.ErrNotExist) {
			return errNoLogYet
		}
		return errors.New("the log is missing, but its checkpoint exists")
	}
	if err != nil {
		return err
	}
	s := newState(c.cfg.MaxExact, c.cfg.MaxPrefixes)
	r, id, err := readLog(f, s)
	switch {
	case err != nil:
	case errors.Is(noCheckpoint, fs.ErrNotExist):
	case noCheckpoint != nil:
		err = noCheckpoint
	case last.id != id:
		err = errors.New("the checkpoint belongs to another log")
	case last.seq > r.last:
		err = fmt.Errorf("the log ends with purge %d, but its checkpoint recorded purge %d", r.last, last.seq)
	}
	if err != nil {
		f.Close()
		return err
	}
	s.folded = 0 // before now
	c.id, c.state = id, s
	c.applied.Store(r.last)
	c.log = &journal{dir: c.cfg.Dir, id: id, f: f, size: r.size, sum: r.sum}
	return nil
}

// beginLog begins another log.
func (c *Clock) beginLog(why error) (err error) {
	c.renewID(why)
	if !errors.Is(why, errNoLogYet) {
		name := filepath.Join(c.cfg.Dir, logName)
		err = os.Rename(name, filepath.Join(c.cfg.Dir, brokenName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.cfg.Log.Warn("purge log cannot be trusted: starting a new one, all disk cache entries are invalid",
			"log", name, "err", why.Error())
	}
	c.log, err = newJournal(c.cfg.Dir, c.id, nil, c.cfg.Now())
	return err
}

// renewID gives the clock an identity that no clock had before.
func (c *Clock) renewID(why error) {
	c.id, c.begun = NewID(), why
	c.state = newState(c.cfg.MaxExact, c.cfg.MaxPrefixes)
}
