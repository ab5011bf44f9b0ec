package diskstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

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

// Close ends the scan. After it nothing is found or kept, and nothing changes what is there. Operations that hang are
// not waited for.
func (s *Store) Close() { _ = s.Release() }

// Release is Close, and says whether the files may be given to another process: it is ErrStalled where operations
// hang, which may change them yet.
func (s *Store) Release() error {
	if s.closed.CompareAndSwap(false, true) {
		close(s.closing)
	}
	s.breaker.mu.Lock() // from here on no background work begins
	s.breaker.mu.Unlock()
	ended := s.doWithTimeout(func() {
		s.running.Wait()
		s.mu.Lock() // changes that were under way are done
		s.mu.Unlock()
		s.headers.Lock()
		s.headers.Unlock()
	}, nil)
	for end := time.Now().Add(s.cfg.StallTimeout); ended && s.isWriting(); time.Sleep(time.Millisecond) {
		ended = time.Now().Before(end)
	}
	if !ended {
		return ErrStalled
	}
	return nil
}

// isWriting says whether files are being written that have no place yet. They get none once the store is closed, and
// are removed.
func (s *Store) isWriting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserved > 0
}
