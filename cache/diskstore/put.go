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
	}
	if err != nil {
		s.stats.Refused++
		return "", err
	}
	switch err = s.room(need, 1); {
	case err == nil:
	case errors.Is(err, ErrPaused), errors.Is(err, errClosed):
		s.stats.Refused++
		return "", err
	default:
		s.failed(err)
		return "", err
	}
	s.reserved += need
	s.files++
	return filepath.Join(unfinished, s.name+"-"+strconv.FormatUint(s.files, 10)), nil
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

// failed pauses the writing. The lock is held, but for moments in between.
func (s *Store) failed(err error) {
	s.stats.WriteErrors++
	s.paused = s.cfg.Now().Add(pauseFor)
	if !s.failing {
		s.failing = true
		s.cfg.Log.Error("the disk cache cannot be written; it is tried again from time to time", "store", s.name, "err", err)
	}
	if full(err) {
		s.giveWay()
	}
}

// well ends that, and what could not be removed is tried again. The lock is held.
func (s *Store) well() {
	if s.failing {
		s.failing = false
		s.cfg.Log.Info("the disk cache can be written again", "store", s.name)
	}
	if now := s.cfg.Now(); s.undone && !now.Before(s.retry) {
		s.retry = now.Add(pauseFor)
		s.errand(s.catchUp)
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
