package diskstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// Get opens a record. The caller closes it. A body that this process has not
// read before is read whole, once, to see that it is what was written. Where the
// disk hangs, or ctx ends first, there is none.
func (s *Store) Get(ctx context.Context, name Name) (*Record, bool) {
	if s.knowsMiss(name) {
		return nil, false
	}
	for {
		var r *Record
		var others *verification
		inTime := s.doIO(ioOp{ctx: ctx, run: func() { r, others = s.lookUp(name) }, onLate: func() {
			if r != nil {
				r.Close()
			}
		}})
		switch {
		case !inTime:
			return nil, false
		case others == nil:
			return r, r != nil
		case !s.awaitVerification(ctx, others):
			return nil, false
		}
	}
}

// knowsMiss reports whether the index says that there is no such record, which takes no
// operation on the disk. It does not wait for the lock: its holder may wait for the disk.
func (s *Store) knowsMiss(name Name) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	return s.isMissing(s.index.find(name))
}

// isMissing reports whether there is no record to open, by its slot. The lock is held.
func (s *Store) isMissing(at *slot) bool {
	return s.closed.Load() || at != nil && at.dropped || at == nil && (s.counted || s.void)
}

// awaitVerification waits for the verification by another caller, as for any operation,
// and reports whether the record was good.
func (s *Store) awaitVerification(ctx context.Context, v *verification) bool {
	for !s.isStalled() && ctx.Err() == nil {
		left := maxStallWaits*s.cfg.StallTimeout - time.Since(v.since)
		if left <= 0 {
			return false
		}
		late := time.NewTimer(min(left, s.cfg.StallTimeout))
		select {
		case <-v.done:
			late.Stop()
			return v.good
		case <-ctx.Done():
		case <-late.C:
		}
		late.Stop()
	}
	return false
}

// lookUp opens a record, or returns the verification to wait for.
func (s *Store) lookUp(name Name) (*Record, *verification) {
	s.mu.Lock()
	var seen slot
	at := s.index.find(name)
	if at != nil {
		seen = *at
	}
	if s.isMissing(at) {
		s.mu.Unlock()
		return nil, nil
	}
	var v *verification
	if !seen.verified {
		if others := s.verifying[name]; others != nil {
			s.mu.Unlock()
			return nil, others
		}
		v = &verification{since: time.Now(), done: make(chan struct{})}
		s.verifying[name] = v
	}
	s.mu.Unlock()
	r, err := s.openRecord(name, seen.verified)
	if err == nil {
		s.noteFound(name, r, seen.generation)
	} else {
		s.noteMiss(name, err)
	}
	if v != nil {
		s.mu.Lock()
		delete(s.verifying, name)
		s.mu.Unlock()
		v.good = err == nil
		close(v.done)
	}
	return r, nil // none, where there is an error
}

// noteMiss updates the index after a record could not be opened.
func (s *Store) noteMiss(name Name, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.forgetMissing(name)
	case errors.Is(err, ErrBroken):
		s.mu.Lock()
		s.stats.Corrupt++
		s.mu.Unlock()
		s.cfg.Log.Warn("disk cache record is corrupt: dropped", "record", s.recordPath(name))
		s.dropRecord(name)
	}
}

func (s *Store) openRecord(name Name, verified bool) (*Record, error) {
	f, err := s.root.OpenFile(s.recordPath(name), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) || readOnly(err) {
		f, err = s.root.Open(s.recordPath(name))
	}
	if err != nil {
		return nil, err
	}
	s.headers.RLock()
	r, err := readRecord(f, s)
	s.headers.RUnlock()
	s.progress.Add(1)
	if err == nil && !verified {
		err = r.verifyBody(&s.progress)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// noteFound counts a use of a record that is good, and the record itself, where the
// scan has not come to it yet. generation is that of the slot before the record was
// opened: where it differs now, the record may have been replaced before or after.
func (s *Store) noteFound(name Name, r *Record, generation uint32) {
	s.mu.Lock()
	now := s.cfg.Now()
	at := s.index.find(name)
	if at == nil && !s.counted && !s.void {
		at = s.addToIndex(slot{name: name, blocks: uint32(blocksOf(r.fileSize()))}, false)
		generation = at.generation
	}
	tell := false
	if at != nil {
		if at.generation == generation {
			at.verified, r.generation = true, generation
		}
		tell = s.index.markUsed(name, now)
	}
	s.mu.Unlock()
	if tell {
		_ = s.root.Chtimes(s.recordPath(name), now, now) // only its place in the order of use
	}
}
