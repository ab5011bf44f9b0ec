package diskstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Put keeps a record in place of what its name had. size is the body's exact
// length. Errors are ErrBusy, ErrTooLarge, ErrPaused, ErrHangs, those of reading
// the body, and the file system's; the name has then what it had before, or
// nothing. A Put that was under way when the disk began to hang hangs with it.
func (s *Store) Put(name Name, header []byte, body io.Reader, size int64) error {
	if len(header) > maxHeader || size < 0 {
		return errCaller
	}
	if s.hangs() {
		return ErrHangs
	}
	need := blocksOf(int64(preambleSize+area(len(header))) + size + trailerSize)
	temp, err := s.begin(need)
	if err != nil {
		return err
	}
	err = s.write(temp, header, body, size)
	return s.finish(name, temp, need, err)
}

// begin makes room for a file, and names it. Room is made before it is written
// to, so that the bound holds at every moment.
func (s *Store) begin(need int64) (temp string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed.Load():
		err = errClosed
	case !s.ready:
		err = ErrBusy
	case need > blocksOf(s.cfg.MaxBytes)/4:
		err = ErrTooLarge
	case s.cfg.Now().Before(s.paused):
		err = ErrPaused
	case !s.room(need, 1):
		err = ErrPaused // others are writing all that there is, or nothing can be removed
	}
	if err != nil {
		s.stats.Refused++
		return "", err
	}
	s.reserved += need
	s.files++
	return filepath.Join(unfinished, s.name+"-"+strconv.FormatUint(s.files, 10)), nil
}

// room removes what was used least lately until there is room. The lock is held.
func (s *Store) room(blocks int64, records int) bool {
	for s.blocks+s.reserved+blocks > s.cfg.MaxBytes/block || s.index.len()+records > s.cfg.MaxRecords {
		if !s.evict() {
			return false
		}
	}
	return true
}

// evict removes what was used least lately, and reports whether it did. The
// lock is held.
func (s *Store) evict() bool {
	name, ok := s.index.oldest()
	if !ok {
		return false
	}
	before := s.index.len()
	if s.remove(name); s.index.len() == before {
		return false
	}
	s.stats.Evicted++
	return true
}

func (s *Store) write(temp string, header []byte, body io.Reader, size int64) error {
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f, header, &stepping{body, &s.done}, size)
	return errors.Join(err, f.Close())
}

// finish gives a file its place, or removes it.
func (s *Store) finish(name Name, temp string, need int64, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved -= need
	if err == nil && s.closed.Load() {
		err = errClosed
	}
	if err == nil {
		// One file of the two is there, and counted, at any time: the rename
		// is what makes it the other one.
		if err = s.rename(temp, s.path(name)); err == nil {
			s.uncount(name)
			s.index.add(slot{name: name, blocks: uint32(need), used: uint32(s.cfg.Now().Unix())}, false)
			s.blocks += need
			s.done.Add(1)
			s.stats.Written++
			s.well()
			return nil
		}
	}
	_ = s.root.Remove(temp) // or the next process does
	if !errors.Is(err, errCaller) && !errors.Is(err, errClosed) {
		s.failed(err)
	}
	return err
}

func (s *Store) rename(from, to string) error {
	err := s.root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) { // the first one in its part of the store
		if err = s.root.Mkdir(filepath.Dir(to), 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			err = s.root.Rename(from, to)
		}
	}
	return err
}

// failed pauses the writing. The lock is held.
func (s *Store) failed(err error) {
	s.stats.WriteErrors++
	s.paused = s.cfg.Now().Add(pauseFor)
	if full(err) {
		s.giveWay()
	}
	if !s.failing {
		s.failing = true
		s.cfg.Log.Error("the disk cache cannot be written; it is tried again from time to time", "store", s.name, "err", err)
	}
}

// How much a store gives way by: no more than can be removed at once.
const (
	wayPart    = 16
	wayBlocks  = 64 << 20 / block
	wayRecords = 1000
)

// giveWay removes what was used least lately, where the disk is full before the
// store is: others have taken its room, and may need more. Until the next try
// there is some for them, and for what is asked for now. The lock is held.
func (s *Store) giveWay() {
	enough := s.blocks - min(max(s.blocks/wayPart, 1), wayBlocks)
	for range wayRecords {
		if s.blocks <= enough || !s.evict() {
			return
		}
	}
}

// well ends that. The lock is held.
func (s *Store) well() {
	if s.failing {
		s.failing = false
		s.cfg.Log.Info("the disk cache can be written again", "store", s.name)
	}
}

// SetHeader gives an open record another header; its body stays. A record that
// was replaced or dropped meanwhile is not brought back. Errors are those of Put.
func (s *Store) SetHeader(name Name, r *Record, header []byte) error {
	if r.same(header) {
		return nil
	}
	set := make(chan error, 1)
	if s.within(func() { set <- s.setHeader(name, r, header) }, nil) {
		return <-set
	}
	return ErrHangs
}

func (s *Store) setHeader(name Name, r *Record, header []byte) error {
	if len(header) > maxHeader {
		return errCaller
	}
	if len(header) > r.capacity {
		return s.Put(name, header, io.NewSectionReader(r, 0, r.size), r.size)
	}
	s.headers.Lock()
	_, err := r.file.WriteAt(front(header, r.capacity, r.size), 0)
	s.headers.Unlock()
	if err != nil {
		s.mu.Lock()
		s.failed(err)
		s.mu.Unlock()
		s.drop(name) // half of it may be there
	}
	return err
}
