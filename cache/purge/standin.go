package purge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// markName is a file that says: there were purges that the log beside it does
// not have.
const markName = "purge.missed"

var errMissed = errors.New("a purge happened while the log was unavailable")

// disown makes sure that the log which a clock in memory stands in for is not
// carried on by the next Open, as it will not have the purge. This is done for
// each purge: another process may have begun a new log since the last one.
func (c *Clock) disown(seq uint64) (err error) {
	if c.cfg.Witness != "" {
		if err = c.tellSoon(seq); err == nil {
			return nil
		}
		err = fmt.Errorf("witness: %w", err)
	}
	if c.cfg.StandsIn != "" {
		noMark := leaveMark(c.cfg.StandsIn)
		if noMark == nil {
			return nil
		}
		err = errors.Join(err, noMark)
	}
	if c.cfg.Witness == "" && !c.hasLog() {
		return nil // there is nothing that could come back
	}
	return fmt.Errorf("%w: %w", ErrLog, err)
}

// hasLog says whether a log is seen where this clock stands in for one.
func (c *Clock) hasLog() bool {
	if c.cfg.StandsIn == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(c.cfg.StandsIn, logName))
	return err == nil
}

// leaveMark marks a folder; without an error that outlasts a loss of power. The
// folder need not be ours: whoever has its log goes on with it until the next
// Open.
func leaveMark(dir string) error {
	name := filepath.Join(dir, markName)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist): // by whomever, and maybe not synced
	case err != nil:
		return err
	default:
		if err = errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return syncFolder(dir)
}

// readMark is errMissed where there is a mark, and also where nobody can say.
func readMark(dir string) error {
	_, err := os.Lstat(filepath.Join(dir, markName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errMissed, err)
	}
	return errMissed
}
