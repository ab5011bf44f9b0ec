package purge

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrInUse: another clock has the log.
	ErrInUse = errors.New("purge log is in use")
	// ErrNoLog: there is no usable log, and the disk cache cannot be made void
	// either, so that what was purged could come back. Nothing was purged.
	ErrNoLog = errors.New("no usable purge log")
	// ErrStalled: the disk of the log, or that of its checkpoint, does not respond. A purge that was begun
	// takes effect if its write ends well later.
	ErrStalled = errors.New("purge log does not respond")
)

var errClosed = errors.New("purge log is closed")

// The numbers of targets that a Clock remembers exactly unless its Config says
// otherwise. A purge of many more than half of them at once would be folded by itself.
const (
	DefaultMaxExact    = 16384
	DefaultMaxPrefixes = 1000
)

// Timeout bounds the wait of a purge for its disk and for earlier purges. It is
// shorter than clients wait, so that they are told why a purge is not confirmed.
const Timeout = 5 * time.Second

// Config configures a Clock.
type Config struct {
	// Dir is the folder of the log, made if missing. "" keeps the purges in
	// memory alone: each such clock has an identity of its own.
	Dir string
	// Checkpoint is a small file in another folder, which must be there, that
	// says how far the log had come: without it, a log that was put back to an older
	// copy, or cut off after a purge, would go unnoticed. "" means none.
	Checkpoint string
	// RefusePurges is for a clock without Dir and Checkpoint, where there is a disk
	// cache or a log that a later process may use: each purge is ErrNoLog.
	RefusePurges bool
	// MaxExact is how many targets are remembered exactly; 0 means DefaultMaxExact. Beyond
	// that, the older half share 65536 numbers, so that a purge of one is one of
	// others.
	MaxExact int
	// MaxPrefixes is how many prefixes are remembered; 0 means
	// DefaultMaxPrefixes. Beyond that, the older half become purges of all
	// sources with their scheme://host/.
	MaxPrefixes int
	// Log is for failures; nil discards them.
	Log *slog.Logger
	// Now dates purges, for people to read; nil means time.Now.
	Now func() time.Time

	growth int64 // tests compact earlier
	// Of a purge, and of Open; tests wait for less.
	timeout, openTimeout time.Duration
}

// Clock is safe for concurrent use.
type Clock struct {
	cfg  Config
	id   string
	lock *os.File
	// begun is why Open began another log; nil where it continued one.
	begun error

	applied  atomic.Uint64
	logBytes atomic.Int64
	lease    leaseOf

	// writing is full for a whole purge, with its fsync. Its holder may read the
	// state without its lock.
	writing    chan struct{}
	log        *journal
	isClosed   bool
	checkpoint checkpointWriter

	// mu is held for writing only to apply what is in the log already.
	mu     sync.RWMutex
	state  *state
	purges uint64
}

// ID is the identity of the log, 32 hexadecimal digits. A sequence means
// something only together with it: an entry of another identity is invalid.
func (c *Clock) ID() string { return c.id }

// Applied is the sequence of the last purge applied, 0 if there was none. An entry gets
// the value that was read before its fetch began. Last knows all purges up to a value
// that was read before it.
func (c *Clock) Applied() uint64 { return c.applied.Load() }

// Receipt is a purge that was applied.
type Receipt struct {
	Sequence uint64
	Applied  time.Time
}

// Purge purges all that targets name, with one sequence. When it returns
// without an error the purge is on disk and every Last that begins has it. A
// purge is written as a whole: the caller bounds how many targets there are.
// Errors are ErrBadTarget, and ErrLog with its cause; nothing is applied then.
// Where the log could not be put right either, each further purge is ErrLog
// until the clock is opened anew; that one may find a purge which failed.
//
// Purge waits a bounded time for the disk. After that it is ErrStalled, and the
// purge may still take effect: to repeat it does no harm.
//
// A clock without Dir applies a purge in memory, where the entries of earlier
// runs are void: it is ErrNoLog as long as its checkpoint cannot be written.
func (c *Clock) Purge(mode Mode, targets []Target) (Receipt, error) {
	if err := checkTargets(mode, targets); err != nil {
		return Receipt{}, err
	}
	late := time.NewTimer(c.cfg.timeout)
	defer late.Stop()
	select {
	case c.writing <- struct{}{}:
	case <-late.C:
		return Receipt{}, fmt.Errorf("%w: an earlier purge has not ended", ErrStalled)
	}
	type outcome struct {
		receipt Receipt
		err     error
	}
	ended := make(chan outcome, 1)
	go func() {
		r, err := c.writePurge(mode, targets)
		<-c.writing
		ended <- outcome{r, err}
	}()
	select {
	case o := <-ended:
		return o.receipt, o.err
	case <-late.C:
		return Receipt{}, ErrStalled
	}
}

// writePurge writes a purge to the log and applies it. Its caller holds writing.
func (c *Clock) writePurge(mode Mode, targets []Target) (Receipt, error) {
	if c.isClosed {
		return Receipt{}, fmt.Errorf("%w: %w", ErrLog, errClosed)
	}
	seq := c.Applied() + 1
	err := c.log.appendPurges(c.cfg.Now(), loggedPurge{seq, mode, targets})
	if c.log == nil {
		err = c.voidOldCache()
	}
	if err != nil {
		return Receipt{}, err
	}
	c.applyPurge(seq, mode, targets)
	r := Receipt{Sequence: seq, Applied: c.cfg.Now()}
	if c.log != nil {
		c.afterAppend(seq)
	}
	return r, nil
}

// afterAppend follows a purge that is in the log.
func (c *Clock) afterAppend(seq uint64) {
	c.writeCheckpoint(seq)
	if c.log.size-c.log.base > c.cfg.growth {
		c.compactLog()
	}
	c.logBytes.Store(c.log.size)
}

// applyPurge stores the sequence last: a reader of the sequence finds the purge in the
// state.
func (c *Clock) applyPurge(seq uint64, mode Mode, targets []Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range targets {
		c.state.addTarget(t, seqPairOf(mode, seq))
	}
	c.purges++
	c.applied.Store(seq)
}

func (c *Clock) compactLog() {
	if err := c.log.compact(c.state.snapshot(), c.cfg.Now()); err != nil {
		c.cfg.Log.Warn("purge log cannot be compacted", "err", err)
	}
}

// Last is the newest purge of each mode that names a scope, 0 if none does: one
// of All, of its URL, its source, any of its hosts or tags, or of a prefix that
// its source begins with. An entry is valid if its sequence is not smaller.
func (c *Clock) Last(scope Scope) (hard, soft uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m := c.state.lastPurge(scope)
	return m.hard, m.soft
}

// Since is Last for what is valid from a sequence on. One that the clock has not
// come to is of a log that was put back to an older copy: purges that it counts
// are forgotten, so nothing that has it is valid.
func (c *Clock) Since(seq uint64, scope Scope) (hard, soft uint64) {
	if seq > c.Applied() {
		return seq + 1, 0
	}
	return c.Last(scope)
}

// Stats are figures of a Clock.
type Stats struct {
	// Sequence is that of the last purge applied.
	Sequence uint64
	// Targets and Prefixes are those that are remembered exactly.
	Targets, Prefixes int
	// Folded are targets and prefixes that no longer are, and Purges those
	// applied; both since Open.
	Folded, Purges uint64
	// LogBytes is the size of the log.
	LogBytes int64
}

// Stats does not wait for a purge on its way.
func (c *Clock) Stats() Stats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Stats{
		Sequence: c.Applied(), Targets: len(c.state.exact), Prefixes: c.state.prefixes,
		Folded: c.state.folded, Purges: c.purges, LogBytes: c.logBytes.Load(),
	}
}

// Close lets go of the log; a purge under way is finished. Purge is ErrLog from
// then on, and Last goes on.
func (c *Clock) Close() error {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	if c.isClosed {
		return nil
	}
	c.isClosed = true
	err := c.log.close()
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}
