package diskstore

import (
	"crypto/sha256"
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

// Config configures a Store.
type Config struct {
	// MaxBytes bounds what all files take, in blocks of 4 KiB; required.
	MaxBytes int64
	// MaxRecords bounds how many there are, and so the memory that the index
	// takes, at some 75 bytes each; 0 means 100,000.
	MaxRecords int
	// Log is told what goes wrong; nil means nobody is.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Patience is for how long a call to the disk is waited for while nothing
	// gets done; 0 means a second. Nobody waits for ten times as long for a call
	// that gets nothing done itself.
	StallTimeout time.Duration

	maxPendingDrops int // tests drop fewer
}

// Why Put does not keep a record, beside the file system's errors.
var (
	// ErrBusy: what was there at Open is not counted yet.
	ErrBusy = errors.New("disk store is still being scanned")
	// ErrTooLarge: it would take more than a quarter of the store.
	ErrTooLarge = errors.New("record is too large for the disk store")
	// ErrPaused: the disk failed a short while ago.
	ErrPaused = errors.New("disk failed recently")
	// ErrStalled: the disk does not answer.
	ErrStalled = errors.New("disk does not respond")
	// errClosed and errCaller are bugs of the caller.
	errClosed = errors.New("disk store is closed")
	errCaller = errors.New("not a record")
	// errReplaced: a record is not what it was any more.
	errReplaced = errors.New("record was replaced or dropped")
)

const (
	block = 4 << 10
	// pauseFor is for how long nothing is written after the disk failed.
	pauseFor = 30 * time.Second
)

// Name is what a record is found by: the first half of the SHA-256 of its key.
// Whoever needs to be sure of the key has it in the header.
type Name [16]byte

// NameOf is the name of a key's record.
func NameOf(key string) (n Name) {
	sum := sha256.Sum256([]byte(key))
	copy(n[:], sum[:])
	return n
}

// Store is safe for concurrent use.
type Store struct {
	cfg  Config
	root *os.Root
	name string

	lifecycle
	operations

	// headers is held for writing while a header is written, so that no reader gets
	// half of one.
	headers sync.RWMutex
	// lastStats are the latest figures that Stats could take.
	lastStats atomic.Pointer[Stats]

	mu    sync.Mutex // guards all that follows
	index index
	space
	scanState
	writeHealth
	removals
	// verifying are the records that are being read whole.
	verifying map[Name]*verification
	stats     Stats
}

// lifecycle is how far a store is between its opening and its end.
type lifecycle struct {
	scanned chan struct{} // closed when the scan has ended
	closing chan struct{} // closed when Close begins
	running sync.WaitGroup
	closed  atomic.Bool
}

// space is what the files of a store take.
type space struct {
	blocks     int64  // of the records
	reserved   int64  // of the files being written
	files      uint64 // ever begun, for their names
	generation uint32 // slots ever made
}

// scanState is how far the records of earlier processes are known. counted: all are
// in the index. ready: and within the bound. void: those not in the index yet were
// dropped.
type scanState struct {
	counted, ready, void bool
}

// writeHealth is whether the disk takes writes.
type writeHealth struct {
	pausedUntil time.Time
	failing     bool
}

// removals are records that were dropped and whose files could not be removed. They
// are tried again, not before retry.
type removals struct {
	pendingRemovals bool
	retry           time.Time
}

// Stats is a snapshot of a Store; counters are since Open.
type Stats struct {
	Records         int
	Bytes, MaxBytes int64
	// Evicted made room for others, Corrupt were not what they should be.
	Evicted, Corrupt uint64
	// Written were kept, Refused not even tried, WriteErrors failed.
	Written, Refused, WriteErrors uint64
	// Hangs: the disk does not answer, and nothing is asked of it.
	Stalled bool
}

// Open opens the store of a name, and begins to count in the background what is
// there: see Ready.
func (f *Folder) Open(name string, cfg Config) (*Store, error) {
	if cfg.MaxBytes <= 0 {
		return nil, errors.New("disk store without a maximum size")
	}
	if cfg.MaxRecords <= 0 {
		cfg.MaxRecords = 100_000
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.StallTimeout <= 0 {
		cfg.StallTimeout = time.Second
	}
	if cfg.maxPendingDrops <= 0 {
		cfg.maxPendingDrops = maxPendingDrops
	}
	err := runWithTimeout(f.openTimeout, func() error { return f.root.Mkdir(name, 0o700) }, func() {})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open disk store %s: %w", name, err)
	}
	s := newStore(cfg, f.root, name)
	s.running.Add(1)
	go s.scanRecords()
	return s, nil
}

func newStore(cfg Config, root *os.Root, name string) *Store {
	return &Store{
		cfg: cfg, root: root, name: name,
		lifecycle:  lifecycle{scanned: make(chan struct{}), closing: make(chan struct{})},
		operations: operations{slots: make(chan struct{}, maxOps)},
		index:      newIndex(), verifying: map[Name]*verification{},
	}
}

// Ready is closed when all that was there at Open is counted. Until then nothing
// is kept.
func (s *Store) Ready() <-chan struct{} { return s.scanned }

func (s *Store) recordPath(n Name) string {
	h := hex.EncodeToString(n[:])
	return filepath.Join(s.name, h[:2], h)
}

func blocksOf(bytes int64) int64 { return (bytes + block - 1) / block }

// Touch counts as a use of a record. Nobody waits for it.
func (s *Store) Touch(name Name) {
	now := s.cfg.Now()
	s.goBackground(func() {
		s.mu.Lock()
		tell := !s.closed.Load() && s.index.markUsed(name, now)
		s.mu.Unlock()
		if tell {
			_ = s.root.Chtimes(s.recordPath(name), now, now)
		}
	})
}

// Drop removes a record. It is not found any more when Drop returns, also where
// the disk hangs or cannot be written.
func (s *Store) Drop(name Name) {
	op := ioOp{run: func() { s.dropRecord(name) }, essential: true}
	// The breaker may open or close between the two.
	for !s.breaker.deferDrop(name, s.cfg.maxPendingDrops) && !s.doIO(op) {
	}
}

func (s *Store) dropRecord(name Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed.Load() {
		s.discardRecord(name)
	}
}

// discardRecord removes a record. Where its file cannot be removed it is still
// counted, and not found any more until the next Open. The lock is held.
func (s *Store) discardRecord(name Name) {
	if s.removeFile(name) == nil {
		return
	}
	s.pendingRemovals = true
	at := s.index.find(name)
	if at == nil && !s.counted { // the scan would find it
		var blocks uint32
		if st, err := s.root.Lstat(s.recordPath(name)); err == nil {
			blocks = uint32(blocksOf(st.Size()))
		}
		at = s.addToIndex(slot{name: name, blocks: blocks}, true)
	}
	if at != nil {
		at.dropped = true
	}
}

// dropAll drops every record at once. The files go later: until then they are
// still counted, as those that cannot be removed are.
func (s *Store) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return
	}
	s.cfg.Log.Warn("too many records were dropped while the disk cache did not respond: all are dropped",
		"store", s.name, "records", s.index.len())
	s.index.dropAll()
	s.void = !s.counted
	s.pendingRemovals = true
}

// forgetMissing takes a record out of the index whose file is gone.
func (s *Store) forgetMissing(name Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.root.Lstat(s.recordPath(name)); errors.Is(err, fs.ErrNotExist) {
		s.removeFromIndex(name)
	}
}

// addToIndex puts a record that is not there into the index: see add. The lock is held.
func (s *Store) addToIndex(at slot, last bool) *slot {
	s.generation++
	at.generation = s.generation
	s.index.add(at, last)
	s.blocks += int64(at.blocks)
	return s.index.find(at.name)
}

// removeFromIndex takes a record out of the index, if it is there. The lock is held.
func (s *Store) removeFromIndex(name Name) {
	if at, ok := s.index.remove(name); ok {
		s.blocks -= int64(at.blocks)
	}
}

// removeFile removes a record, file first: what is not counted must not be there.
// The lock is held.
func (s *Store) removeFile(name Name) error {
	path := s.recordPath(name)
	if err := s.root.RemoveAll(path); err != nil {
		// A disk that is read-only says so also of what is not there.
		if _, gone := s.root.Lstat(path); !errors.Is(gone, fs.ErrNotExist) {
			return err
		}
	}
	s.progress.Add(1)
	s.removeFromIndex(name)
	return nil
}

// Stats is a snapshot; where the disk hangs, or is slow, it may be an earlier one.
func (s *Store) Stats() Stats {
	var st Stats
	if s.doWithTimeout(func() { st = s.statsNow() }, nil) {
		s.lastStats.Store(&st)
		return st
	}
	var earlier Stats
	if told := s.lastStats.Load(); told != nil {
		earlier = *told
	}
	earlier.Stalled = s.isStalled()
	return earlier
}

func (s *Store) statsNow() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Records, st.Bytes, st.MaxBytes = s.index.len(), s.blocks*block, s.cfg.MaxBytes
	return st
}

// Close ends the scan. After it nothing is found or kept. Operations that hang are
// not waited for.
func (s *Store) Close() {
	if s.closed.CompareAndSwap(false, true) {
		close(s.closing)
	}
	s.breaker.mu.Lock() // from here on no background work begins
	s.breaker.mu.Unlock()
	s.doWithTimeout(func() {
		s.running.Wait()
		s.mu.Lock() // whoever was about to change something has
		defer s.mu.Unlock()
	}, nil)
}
