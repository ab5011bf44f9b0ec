package purge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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
	// ErrStalled: the disk of the log does not respond. A purge that was begun
	// takes effect if its write ends well later.
	ErrStalled = errors.New("purge log does not respond")
)

var errClosed = errors.New("purge log is closed")

// What a Clock remembers exactly unless its Config says otherwise. A purge of
// many more than half of that at once would be folded by itself.
const (
	DefaultMaxExact    = 16384
	DefaultMaxPrefixes = 1000
)

// purgeTimeout bounds the wait of a purge for its disk and for earlier purges.
const purgeTimeout = 10 * time.Second

// Config configures a Clock.
type Config struct {
	// Dir is the folder of the log, made if missing. "" keeps the purges in
	// memory alone: each such clock has an identity of its own.
	Dir string
	// Checkpoint is a small file in another folder, which must be there, that
	// remembers how far the log had come: without it, nobody would notice that
	// the log was put back to an older copy, or cut off after a purge. "" means
	// none.
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
	// Log is told what went wrong; nil means nobody is.
	Log *slog.Logger
	// Now dates purges, for people to read; nil means time.Now.
	Now func() time.Time

	growth  int64         // tests compact earlier
	timeout time.Duration // of a purge; tests wait for less
}

// Clock is safe for concurrent use.
type Clock struct {
	cfg    Config
	id     string
	fresh  bool
	reason string
	lock   *os.File

	applied  atomic.Uint64
	logBytes atomic.Int64

	// writing is full for a whole purge, with its fsync. Its holder may read the
	// state without its lock.
	writing  chan struct{}
	log      *journal
	warned   bool // that the checkpoint cannot be written
	isVoid   bool // the checkpoint of a clock without log is written
	isClosed bool
	// telling is full while the checkpoint is told.
	checkpointBusy  chan struct{}
	storeCheckpoint func(checkpoint) error

	// mu is held for writing only to apply what is in the log already.
	mu     sync.RWMutex
	state  *state
	purges uint64
}

// Open opens the log of a folder, or begins one. Where the log or its checkpoint
// is not as it was left, the log is put aside as purge.log.broken and another
// one is begun: see Fresh. Errors are ErrInUse, and those of a folder that
// cannot be used.
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
		cfg.timeout = purgeTimeout
	}
	c := &Clock{cfg: cfg, writing: make(chan struct{}, 1), checkpointBusy: make(chan struct{}, 1)}
	c.storeCheckpoint = func(w checkpoint) error { return w.writeFile(cfg.Checkpoint, cfg.Dir == "") }
	if cfg.Dir == "" {
		c.renewID("")
		if err := c.voidOldCache(); err != nil && !cfg.RefusePurges {
			cfg.Log.Error("disk cache of earlier runs cannot be invalidated: purges are refused until it can be", "err", err)
		}
		return c, nil
	}
	if err := c.openLog(); err != nil {
		_ = c.Close() // the first error tells more
		return nil, fmt.Errorf("open purge log in %s: %w", cfg.Dir, err)
	}
	return c, nil
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
	c.writeCheckpoint(c.Applied())
	return nil
}

// errNoLogYet: there is neither a log nor a checkpoint of one.
var errNoLogYet = errors.New("there is no purge log")

// restoreState reads the log and holds it against its checkpoint. An error says why
// they cannot be trusted.
func (c *Clock) restoreState() error {
	w, noCheckpoint := readCheckpoint(c.cfg.Checkpoint)
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
	case w.id != id:
		err = errors.New("the checkpoint belongs to another log")
	case w.seq > r.last:
		err = fmt.Errorf("the log ends with purge %d, but its checkpoint recorded purge %d", r.last, w.seq)
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
	if errors.Is(why, errNoLogYet) {
		c.renewID("")
	} else {
		c.renewID(why.Error())
		name := filepath.Join(c.cfg.Dir, logName)
		err = os.Rename(name, filepath.Join(c.cfg.Dir, brokenName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.cfg.Log.Warn("purge log cannot be trusted: starting a new one, all disk cache entries are invalid",
			"log", name, "err", c.reason)
	}
	c.log, err = newJournal(c.cfg.Dir, c.id, nil, c.cfg.Now())
	return err
}

// renewID gives the clock an identity that none had before.
func (c *Clock) renewID(reason string) {
	var id [16]byte
	rand.Read(id[:]) // never fails since Go 1.24
	c.id, c.fresh, c.reason = hex.EncodeToString(id[:]), true, reason
	c.state = newState(c.cfg.MaxExact, c.cfg.MaxPrefixes)
}

func isID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 16 && hex.EncodeToString(b) == id
}

// ID is the identity of the log, 32 hexadecimal digits. A sequence means
// something only together with it: an entry of another identity is invalid.
func (c *Clock) ID() string { return c.id }

// Fresh says whether the log, and so the identity, was made by Open.
func (c *Clock) Fresh() bool { return c.fresh }

// Reason says why a log was not carried on; "" where it was, and where there was
// none.
func (c *Clock) Reason() string { return c.reason }

// Applied is the sequence of the last purge applied, 0 if there was none. What
// is read before a fetch begins is the sequence of its entry. What is read
// before Last is a sequence up to which Last told of all purges.
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
	err := c.log.appendPurge(seq, c.cfg.Now(), mode, targets)
	if c.log == nil {
		err = c.voidOldCache()
	}
	if err != nil {
		return Receipt{}, err
	}
	c.applyPurge(seq, mode, targets)
	r := Receipt{Sequence: seq, Applied: c.cfg.Now()}
	if c.log != nil {
		c.writeCheckpoint(seq)
		if c.log.size-c.log.base > c.cfg.growth {
			c.compactLog()
		}
		c.logBytes.Store(c.log.size)
	}
	return r, nil
}

// applyPurge stores the sequence last: whoever reads it finds the purge in the state.
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
