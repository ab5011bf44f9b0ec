package diskstore

import (
	"errors"
	"io/fs"
)

// Touch counts as a use of a record. No caller waits for the disk.
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

// discardRecord removes a record. Where its file cannot be removed, the file still counts,
// but the record is not found any more until the next Open. The lock is held.
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

// forgetMissing removes a record from the index if its file is gone.
func (s *Store) forgetMissing(name Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.root.Lstat(s.recordPath(name)); errors.Is(err, fs.ErrNotExist) {
		s.removeFromIndex(name)
	}
}

// addToIndex adds a record that the index does not have: see index.add. The lock is held.
func (s *Store) addToIndex(at slot, last bool) *slot {
	s.generation++
	at.generation = s.generation
	s.index.add(at, last)
	s.blocks += int64(at.blocks)
	return s.index.find(at.name)
}

// removeFromIndex removes a record from the index, if it is there. The lock is held.
func (s *Store) removeFromIndex(name Name) {
	if at, ok := s.index.remove(name); ok {
		s.blocks -= int64(at.blocks)
	}
}

// removeFile removes a record, its file first: a file that does not count must not exist.
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
