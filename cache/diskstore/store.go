package diskstore

import (
	"encoding/hex"
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
	// Log is for failures; nil discards them.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Patience is for how long a call to the disk is waited for while nothing
	// gets done; 0 means a second. Nobody waits for ten times as long for a call
	// that gets nothing done itself.
	StallTimeout time.Duration

	maxPendingDrops int // tests drop fewer
}

// pauseFor is how long nothing is written after the disk failed.
const pauseFor = 30 * time.Second

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
	diskHealth
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

// diskHealth is what a store remembers of the failures of its disk.
type diskHealth struct {
	pausedUntil time.Time // nothing is written until then
	failing     bool
	// pendingRemovals: records were dropped whose files could not be removed. They
	// are tried again, not before retry.
	pendingRemovals bool
	retry           time.Time
}

// operations are the operations of a store on its disk.
type operations struct {
	slots    chan struct{} // full with maxOps
	progress atomic.Uint64 // steps done in the file system
	breaker  breaker
}

// verification compares the body of a record with its checksum. Other callers that
// want the record meanwhile wait for it.
type verification struct {
	since time.Time
	done  chan struct{}
	// good is said before done is closed.
	good bool
}

// Stats is a snapshot of a Store; counters are since Open.
type Stats struct {
	Records         int
	Bytes, MaxBytes int64
	// Evicted made room for others, Corrupt were not what they should be.
	Evicted, Corrupt uint64
	// Written were kept, Refused not even tried, WriteErrors failed.
	Written, Refused, WriteErrors uint64
	// Stalled: the disk does not respond, and nothing is asked of it.
	Stalled bool
}

func (s *Store) recordPath(n Name) string {
	h := hex.EncodeToString(n[:])
	return filepath.Join(s.name, h[:2], h)
}

func (s *Store) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}
