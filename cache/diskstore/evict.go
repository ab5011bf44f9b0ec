package diskstore

import "runtime"

// makeRoom removes what was used least lately until there is room. The lock is
// held, but for moments in between: others do not wait for many removals. When
// it returns nil the room is there, and is kept for who holds the lock.
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

// yieldLock lets others have the lock, which is held.
func (s *Store) yieldLock() {
	s.mu.Unlock()
	runtime.Gosched() // or this one would mostly be the first to have it again
	s.mu.Lock()
}

// evictTries is how many records that cannot be removed are passed over.
const evictTries = 4

// evictOldest removes what was used least lately. What cannot be removed is still a
// record, and would be the first to be tried the next time, too: it goes to the
// other end of the line. Without any records the error is ErrPaused: others are
// writing all that there is. The lock is held.
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

// yieldSpace removes what was used least lately, where the disk is full before the
// store is: others have taken its room, and may need more. Until the next try
// there is some for them, and for what is asked for now. The lock is held, but
// for moments in between.
func (s *Store) yieldSpace() {
	enough := s.blocks - min(max(s.blocks/wayPart, 1), wayBlocks)
	for range wayRecords {
		if s.blocks <= enough || s.closed.Load() || s.evictOldest() != nil {
			return
		}
		s.yieldLock()
	}
}

// removePending removes what could not be removed when it was dropped.
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
