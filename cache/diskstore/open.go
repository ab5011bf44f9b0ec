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
		s.mu.Lock() // changes that were under way are done
		defer s.mu.Unlock()
	}, nil)
}
