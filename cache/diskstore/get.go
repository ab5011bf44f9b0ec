package diskstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// verification is one of a record whose body is held against its checksum. Who
// wants the record meanwhile waits for it.
type verification struct {
	since time.Time
	done  chan struct{}
	// good is said before done is closed.
	good bool
}

// Get opens a record. The caller closes it. A body that this process has not
// read before is read whole, once, to see that it is what was written. Where the
// disk hangs, or ctx ends first, there is none.
func (s *Store) Get(ctx context.Context, name Name) (*Record, bool) {
	for {
		var r *Record
		var others *verification
		inTime := s.ask(call{ctx: ctx, do: func() { r, others = s.get(name) }, late: func() {
			if r != nil {
				r.Close()
			}
		}})
		switch {
		case !inTime:
			return nil, false
		case others == nil:
			return r, r != nil
		case !s.await(ctx, others):
			return nil, false
		}
	}
}

// await waits for another's verification, as for any call, and reports whether
// the record was good.
func (s *Store) await(ctx context.Context, v *verification) bool {
	for !s.hangs() && ctx.Err() == nil {
		left := maxWaits*s.cfg.Patience - time.Since(v.since)
		if left <= 0 {
			return false
		}
		late := time.NewTimer(min(left, s.cfg.Patience))
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

// get opens a record, or gives the verification to wait for.
func (s *Store) get(name Name) (*Record, *verification) {
	s.mu.Lock()
	var seen slot
	at := s.index.find(name)
	if at != nil {
		seen = *at
	}
	if s.closed.Load() || at != nil && at.dropped || at == nil && (s.counted || s.void) {
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
	r, err := s.open(name, seen.verified)
	if err == nil {
		s.found(name, r, seen.made)
	} else {
		s.missed(name, err)
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

// missed is a record that could not be had.
func (s *Store) missed(name Name, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.forget(name)
	case errors.Is(err, errBroken):
		s.mu.Lock()
		s.stats.Corrupt++
		s.mu.Unlock()
		s.cfg.Log.Warn("disk cache record is corrupt: dropped", "record", s.path(name))
		s.drop(name)
	}
}

func (s *Store) open(name Name, verified bool) (*Record, error) {
	f, err := s.root.OpenFile(s.path(name), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) || readOnly(err) {
		f, err = s.root.Open(s.path(name))
	}
	if err != nil {
		return nil, err
	}
	s.headers.RLock()
	r, err := readRecord(f, s)
	s.headers.RUnlock()
	s.done.Add(1)
	if err == nil && !verified {
		err = r.verify(&s.done)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// found counts a use of a record that is good, and the record itself, where the
// scan has not come to it yet. made is of the slot that was there before it was
// opened: with another one it may have been replaced before or after.
func (s *Store) found(name Name, r *Record, made uint32) {
	s.mu.Lock()
	now := s.cfg.Now()
	at := s.index.find(name)
	if at == nil && !s.counted && !s.void {
		at = s.count(slot{name: name, blocks: uint32(blocksOf(r.length()))}, false)
		made = at.made
	}
	tell := false
	if at != nil {
		if at.made == made {
			at.verified, r.made = true, made
		}
		tell = s.index.use(name, now)
	}
	s.mu.Unlock()
	if tell {
		_ = s.root.Chtimes(s.path(name), now, now) // only its place in the line
	}
}
