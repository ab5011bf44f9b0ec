package hidden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Timeout bounds the wait of an addition for its disk and for earlier ones, and readTimeout the
// wait for the record of a source.
const (
	Timeout     = 5 * time.Second
	readTimeout = time.Second
)

// maxReads is how many goroutines may wait for the disk to read.
const maxReads = 16

// Config configures a Store.
type Config struct {
	// Dir is the folder of the log, made if missing.
	Dir string
	// Max is how many sources there may be.
	Max int
	// Log is for damage; nil discards it.
	Log *slog.Logger

	timeout, readTimeout, openTimeout time.Duration // tests wait for less
}

// Store is safe for concurrent use.
type Store struct {
	cfg  Config
	lock *os.File
	log  *sourceLog
	// reads has a place for each read under way.
	reads     chan struct{}
	additions chan *addition
	closing   chan struct{}
	closed    chan struct{}
	// releaseOnce and closeOnce: the lock, and the log, are let go of once.
	releaseOnce, closeOnce sync.Once
	logBytes               atomic.Int64

	mu    sync.RWMutex
	index index
}

// Open opens the log of a folder, or begins one, and reads it. Errors are ErrInUse, ErrTooMany
// where the log has more sources than Config.Max, ErrStalled where the disk does not respond within openTimeout, and
// those of a folder or a file that cannot be used.
func Open(cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.timeout <= 0 {
		cfg.timeout = Timeout
	}
	if cfg.readTimeout <= 0 {
		cfg.readTimeout = readTimeout
	}
	if cfg.openTimeout <= 0 {
		cfg.openTimeout = openTimeout
	}
	s := &Store{
		cfg: cfg, reads: make(chan struct{}, maxReads), additions: make(chan *addition),
		closing: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := s.openInTime(); err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(cfg.Dir, logName), err)
	}
	go s.writeAdditions()
	return s, nil
}

// load locks and reads the log, and removes what a crash cut off at its end.
func (s *Store) load() (err error) {
	if err = os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockFile(filepath.Join(s.cfg.Dir, lockName)); err != nil {
		return err
	}
	f, err := openLog(s.cfg.Dir)
	if err != nil {
		return err
	}
	s.log = &sourceLog{f: f}
	result, err := scanLog(f, s.addScanned)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if result.damaged > 0 {
		s.cfg.Log.Error("log of hidden sources is damaged: the sources there are unknown until they are added again",
			"bytes", result.damaged, "from", result.firstDamage)
	}
	if err := s.repairTail(f, result.end, info.Size()); err != nil {
		return err
	}
	s.log.size = result.end
	s.logBytes.Store(result.end)
	return nil
}

// addScanned enters a record of the log into the index.
func (s *Store) addScanned(h Hash, offset int64) error {
	switch {
	case offset >= maxLog-align:
		return errors.New("it is too large")
	case s.index.count >= s.cfg.Max:
		return fmt.Errorf("%w: the log has more than %d", ErrTooMany, s.cfg.Max)
	}
	s.index.addPlace(h, offset)
	return nil
}

// maxTail is more than what a crash can cut off, which is a part of one write, in bytes.
const maxTail = 2*maxWrite + recordHeader

// repairTail cuts off what is behind the last record.
func (s *Store) repairTail(f logHandle, end, size int64) error {
	tail := size - end
	switch {
	case tail == 0:
		return nil
	case tail > maxTail:
		return fmt.Errorf("it is damaged from byte %d on: restore it, or cut it off there to go on without the rest",
			end)
	}
	s.cfg.Log.Warn("log of hidden sources ended in the middle of a write: the rest of it is removed", "bytes", tail)
	if err := f.Truncate(end); err != nil {
		return err
	}
	return f.Sync()
}

// Find gives the URL of a source. Errors are ErrUnknown, ErrStalled, ErrLog, and that of the
// context where it ends first.
func (s *Store) Find(ctx context.Context, h Hash) (string, error) {
	s.mu.RLock()
	places := s.index.placesOf(h)
	s.mu.RUnlock()
	err := ErrUnknown
	for _, offset := range places {
		found, failed := s.readInTime(ctx, offset)
		switch {
		case failed == nil && found.Hash == h:
			return found.URL, nil
		case failed != nil:
			err = failed
		}
	}
	return "", err
}

// readInTime reads a record, as long as the disk responds in time.
func (s *Store) readInTime(ctx context.Context, offset int64) (Source, error) {
	late := time.NewTimer(s.cfg.readTimeout)
	defer late.Stop()
	select {
	case s.reads <- struct{}{}:
	case <-late.C:
		return Source{}, ErrStalled
	case <-ctx.Done():
		return Source{}, context.Cause(ctx)
	}
	type outcome struct {
		source Source
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		source, err := readRecord(s.log.f, offset)
		<-s.reads
		ended <- outcome{source, err}
	}()
	select {
	case o := <-ended:
		if o.err != nil {
			return Source{}, fmt.Errorf("%w: %w", ErrLog, o.err)
		}
		return o.source, nil
	case <-late.C:
		return Source{}, ErrStalled
	case <-ctx.Done():
		return Source{}, context.Cause(ctx)
	}
}

// Stats are figures of a Store.
type Stats struct {
	// Sources is how many there are, and Max how many there may be.
	Sources, Max int
	// LogBytes is the size of the log.
	LogBytes int64
}

// Stats does not wait for the disk.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Stats{Sources: s.index.count, Max: s.cfg.Max, LogBytes: s.logBytes.Load()}
}

// Release gives the log to another process; a write under way is finished. Add is ErrLog from then on. Find goes on:
// what is in the log stays there.
func (s *Store) Release() error {
	var err error
	s.releaseOnce.Do(func() {
		close(s.closing)
		<-s.closed
		err = s.lock.Close()
	})
	return err
}

// Close lets go of the log; a write under way is finished. Add and Find are ErrLog from then on.
func (s *Store) Close() error {
	err := s.Release()
	s.closeOnce.Do(func() { err = errors.Join(err, s.log.f.Close()) })
	return err
}

var _ io.Closer = (*Store)(nil)
