package diskstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
)

// Put keeps a record in place of what its name had. size is the body's exact
// length. Errors are ErrBusy, ErrTooLarge, ErrPaused, ErrHangs, those of reading
// the body, and the file system's; the name has then what it had before, or
// nothing.
//
// A Put that is under way when the disk begins to hang gives up with ErrHangs.
// Its file is left to the call that hangs, and comes to nothing. Neither header
// nor body are read after Put has returned; for that a read of the body that is
// under way is waited for, so it comes from memory, or from what does not hang.
func (s *Store) Put(name Name, header []byte, body io.Reader, size int64) error {
	if len(header) > maxHeader || size < 0 {
		return errCaller
	}
	b := &lent{body: body}
	defer b.takeBack()
	return s.hand(&writing{name: name, head: head(header, size), body: b, size: size})
}

// lent is a body that its owner takes back.
type lent struct {
	mu   sync.Mutex
	body io.Reader
}

// Read reads.
func (l *lent) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return 0, ErrHangs
	}
	n, err := l.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}

func (l *lent) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = nil
}

// writing is a record that is being written.
type writing struct {
	name Name
	head []byte
	body io.Reader
	size int64
	// of is the record that this one is of, and takes the place of; nil is for
	// whatever is there.
	of    *Record
	need  int64
	temp  string
	steps atomic.Uint64
	ended atomic.Bool
}

// end says how it ended, by who comes first: whoever waited has given up, or it
// is in its place.
func (w *writing) end() bool { return w.ended.CompareAndSwap(false, true) }

// hand has a record written, and waits for it as long as that makes sense.
func (s *Store) hand(w *writing) error {
	result := make(chan error, 1)
	if s.ask(call{do: func() { result <- s.put(w) }, steps: &w.steps}) || !w.end() {
		return <-result
	}
	return ErrHangs
}

func (s *Store) put(w *writing) error {
	w.need = blocksOf(int64(len(w.head)) + w.size + trailerSize)
	if err := s.begin(w); err != nil {
		return err
	}
	return s.finish(w, s.write(w))
}

// begin makes room for a file, and names it. Room is made before it is written
// to, so that the bound holds at every moment.
func (s *Store) begin(w *writing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mayBegin(w); err != nil {
		s.stats.Refused++
		return err
	}
	switch err := s.room(w.need, 1); {
	case err == nil:
	case errors.Is(err, ErrPaused), errors.Is(err, errClosed):
		s.stats.Refused++
		return err
	default:
		s.failed(err)
		return err
	}
	s.reserved += w.need
	s.files++
	w.temp = filepath.Join(unfinished, s.name+"-"+strconv.FormatUint(s.files, 10))
	return nil
}

// mayBegin says why a record is not even tried. The lock is held.
func (s *Store) mayBegin(w *writing) error {
	switch {
	case w.ended.Load():
		return ErrHangs
	case s.closed.Load():
		return errClosed
	case !s.ready:
		return ErrBusy
	case w.need > blocksOf(s.cfg.MaxBytes)/4:
		return ErrTooLarge
	case s.cfg.Now().Before(s.paused):
		return ErrPaused
	}
	return nil
}

func (s *Store) write(w *writing) error {
	f, err := s.root.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f, w.head, &stepping{&stepping{w.body, &s.done}, &w.steps}, w.size)
	return errors.Join(err, f.Close())
}

// finish gives a file its place, or removes it.
func (s *Store) finish(w *writing, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved -= w.need
	if err == nil {
		if err = s.place(w); err == nil {
			return nil
		}
	}
	_ = s.root.Remove(w.temp) // or the next process does
	for _, not := range []error{errCaller, errBody, errClosed, errReplaced, ErrHangs} {
		if errors.Is(err, not) { // it is not the disk that failed
			return err
		}
	}
	s.failed(err)
	return err
}

// place gives a file its place. The lock is held.
func (s *Store) place(w *writing) error {
	switch {
	case s.closed.Load():
		return errClosed
	case w.ended.Load():
		return ErrHangs
	case w.of != nil && !s.still(w):
		return errReplaced
	}
	// One file of the two is there, and counted, at any time: the rename is what
	// makes it the other one.
	if err := s.rename(w.temp, s.path(w.name)); err != nil {
		return err
	}
	s.uncount(w.name)
	s.count(slot{name: w.name, blocks: uint32(w.need), used: uint32(s.cfg.Now().Unix())}, false)
	s.done.Add(1)
	if !w.end() { // it was the rename that hung
		s.discard(w.name)
		return ErrHangs
	}
	s.stats.Written++
	s.well()
	return nil
}

// still says that a record has not been dropped or replaced. The lock is held.
func (s *Store) still(w *writing) bool {
	at := s.index.find(w.name)
	return at != nil && !at.dropped && at.made == w.of.made
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
		s.cfg.Log.Error("disk cache cannot be written: will be retried", "store", s.name, "err", err)
	}
	if full(err) {
		s.giveWay()
	}
}

// well ends that, and what could not be removed is tried again. The lock is held.
func (s *Store) well() {
	if s.failing {
		s.failing = false
		s.cfg.Log.Info("disk cache can be written again", "store", s.name)
	}
	if now := s.cfg.Now(); s.undone && !now.Before(s.retry) {
		s.retry = now.Add(pauseFor)
		s.errand(s.catchUp)
	}
}

// SetHeader gives an open record another header; its body stays. A record that
// was replaced or dropped meanwhile is not brought back. Errors are those of Put.
func (s *Store) SetHeader(name Name, r *Record, header []byte) error {
	switch {
	case r.same(header):
		return nil
	case len(header) > maxHeader:
		return errCaller
	case len(header) > r.capacity:
		// The body is not lent: it may be closed while it is read.
		err := s.hand(&writing{name: name, head: head(header, r.size), body: r.section(), size: r.size, of: r})
		if errors.Is(err, errReplaced) {
			return nil
		}
		return err
	}
	set := make(chan error, 1)
	b := front(header, r.capacity, r.size)
	if s.within(func() { set <- s.setHeader(name, r, b) }, nil) {
		return <-set
	}
	return ErrHangs
}

func (s *Store) setHeader(name Name, r *Record, front []byte) error {
	s.headers.Lock()
	_, err := r.file.WriteAt(front, 0)
	s.headers.Unlock()
	if err != nil {
		s.mu.Lock()
		s.failed(err)
		s.mu.Unlock()
		s.drop(name) // half of it may be there
	}
	return err
}
