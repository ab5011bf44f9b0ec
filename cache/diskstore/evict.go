package diskstore

import "runtime"

// makeRoom evicts the least recently used records until there is room. The lock is
// held, but for moments in between, so that other callers do not wait for many
// removals. Where it returns nil, the room is there for the holder of the lock.
func (s *Store) makeRoom(blocks int64, records int) error {
	for s.blocks+s.reserved+blocks > s.cfg.MaxBytes/block || s.index.len()+records > s.cfg.MaxRecords {
		if err := s.evictOldest(); err != nil {
			return err
		}
		s.yieldLock()
		if s.closed.Load() {
			return errClosed
		}
	}
	return nil
}

// yieldLock releases the lock, which is held, for a moment.
func (s *Store) yieldLock() {
	s.mu.Unlock()
	runtime.Gosched() // else this goroutine would mostly get it again first
	s.mu.Lock()
}

// evictTries is how many records that cannot be removed are passed over.
const evictTries = 4

// evictOldest removes the least recently used record. A record that cannot be removed
// goes to the other end of the order, else it would be tried first the next time, too.
// Without any record the error is ErrPaused: all files are being written. The lock is
// held.
func (s *Store) evictOldest() (err error) {
	for range evictTries {
		name, ok := s.index.oldest()
		if !ok {
			return ErrPaused
		}
		if err = s.removeFile(name); err == nil {
			s.stats.Evicted++
			return nil
		}
		if readOnly(err) {
			return err // so are the others
		}
		s.index.moveToFront(name)
	}
	return err
}

// How much a store gives way by: no more than can be removed at once.
const (
	wayPart    = 16
	wayBlocks  = 64 << 20 / block
	wayRecords = 1000
)

// yieldSpace evicts the least recently used records where the disk is full before the
// store is: other programs have taken its room, and may need more. Until the next try
// there is some for them and for this store. The lock is held, but for moments in
// between.
func (s *Store) yieldSpace() {
	enough := s.blocks - min(max(s.blocks/wayPart, 1), wayBlocks)
	for range wayRecords {
		if s.blocks <= enough || s.closed.Load() || s.evictOldest() != nil {
			return
		}
		s.yieldLock()
	}
}

// removePending removes the files that could not be removed when their records were
// dropped.
func (s *Store) removePending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pendingRemovals = false
	for _, name := range s.index.droppedNames() {
		if s.closed.Load() {
			return
		}
		// It may be another one by now.
		if at := s.index.find(name); at != nil && at.dropped && s.removeFile(name) != nil {
			s.pendingRemovals = true
		}
		s.yieldLock()
	}
}
