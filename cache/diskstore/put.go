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

// Put stores a record in place of the one that its name had. size is the exact length
// of the body. Errors are ErrBusy, ErrTooLarge, ErrPaused, ErrStalled, those of reading
// the body, and those of the file system; the name has then its earlier record, or
// none.
//
// A Put that is under way when the disk begins to hang returns ErrStalled. Its file is
// left to the operation that hangs, and becomes no record. Neither header nor body are
// read after Put has returned. A read of the body that is under way is waited for, so
// the body must come from memory, or from a reader that does not hang.
func (s *Store) Put(name Name, header []byte, body io.Reader, size int64) error {
	if len(header) > maxHeader || size < 0 {
		return errCaller
	}
	b := &revocableReader{body: body}
	defer b.revoke()
	return s.submitWrite(&pendingWrite{name: name, head: encodeHead(header, size), body: b, size: size})
}

// revocableReader reads a body until its owner revokes it.
type revocableReader struct {
	mu   sync.Mutex
	body io.Reader
}

// Read reads.
func (l *revocableReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return 0, ErrStalled
	}
	n, err := l.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}

func (l *revocableReader) revoke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = nil
}

// pendingWrite is a record that is being written.
type pendingWrite struct {
	name Name
	head []byte
	body io.Reader
	size int64
	// replaces is the open record whose place this one takes; nil is for any record of
	// the name.
	replaces *Record
	blocks   int64
	tempPath string
	progress atomic.Uint64
	decided  atomic.Bool
}

// claimOutcome decides how the write ended, for the first of two callers: the one that
// waited has given up, or the file is in its place.
func (w *pendingWrite) claimOutcome() bool { return w.decided.CompareAndSwap(false, true) }

// submitWrite writes a record, and waits until it is written or its disk has stalled.
func (s *Store) submitWrite(w *pendingWrite) error {
	result := make(chan error, 1)
	if s.doIO(ioOp{run: func() { result <- s.putRecord(w) }, progress: &w.progress}) || !w.claimOutcome() {
		return <-result
	}
	return ErrStalled
}

func (s *Store) putRecord(w *pendingWrite) error {
	w.blocks = blocksOf(int64(len(w.head)) + w.size + trailerSize)
	if err := s.reserveSpace(w); err != nil {
		return err
	}
	return s.commitOrRemove(w, s.writeTemp(w))
}

// reserveSpace makes room for a file, and names it. Room is made before it is written
// to, so that the bound holds at every moment.
func (s *Store) reserveSpace(w *pendingWrite) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mayBegin(w); err != nil {
		s.stats.Refused++
		return err
	}
	switch err := s.makeRoom(w.blocks, 1); {
	case err == nil:
	case errors.Is(err, ErrPaused), errors.Is(err, errClosed):
		s.stats.Refused++
		return err
	default:
		s.writeFailed(err)
		return err
	}
	s.reserved += w.blocks
	s.files++
	w.tempPath = filepath.Join(tempDir, s.name+"-"+strconv.FormatUint(s.files, 10))
	return nil
}

// mayBegin returns why a write is refused before it begins. The lock is held.
func (s *Store) mayBegin(w *pendingWrite) error {
	switch {
	case w.decided.Load():
		return ErrStalled
	case s.closed.Load():
		return errClosed
	case !s.ready:
		return ErrBusy
	case w.blocks > blocksOf(s.cfg.MaxBytes)/4:
		return ErrTooLarge
	case s.cfg.Now().Before(s.pausedUntil):
		return ErrPaused
	}
	return nil
}

func (s *Store) writeTemp(w *pendingWrite) error {
	f, err := s.root.OpenFile(w.tempPath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = writeRecordFile(f, w.head, &progressReader{&progressReader{w.body, &s.progress}, &w.progress}, w.size)
	return errors.Join(err, f.Close())
}

// commitOrRemove gives a file its place, or removes it.
func (s *Store) commitOrRemove(w *pendingWrite, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved -= w.blocks
	if err == nil {
		if err = s.moveIntoPlace(w); err == nil {
			return nil
		}
	}
	_ = s.root.Remove(w.tempPath) // or the next process does
	for _, not := range []error{errCaller, errBody, errClosed, errReplaced, ErrStalled} {
		if errors.Is(err, not) { // the disk has not failed
			return err
		}
	}
	s.writeFailed(err)
	return err
}

// moveIntoPlace gives a file its place. The lock is held.
func (s *Store) moveIntoPlace(w *pendingWrite) error {
	switch {
	case s.closed.Load():
		return errClosed
	case w.decided.Load():
		return ErrStalled
	case w.replaces != nil && !s.isUnchanged(w):
		return errReplaced
	}
	// One file of the two is there, and counted, at any time: the rename is what
	// makes it the other one.
	if err := s.renameInto(w.tempPath, s.recordPath(w.name)); err != nil {
		return err
	}
	s.removeFromIndex(w.name)
	s.addToIndex(slot{name: w.name, blocks: uint32(w.blocks), used: uint32(s.cfg.Now().Unix())}, false)
	s.progress.Add(1)
	if !w.claimOutcome() { // it was the rename that hung
		s.discardRecord(w.name)
		return ErrStalled
	}
	s.stats.Written++
	s.writesRecovered()
	return nil
}

// isUnchanged reports whether a record was neither dropped nor replaced. The lock is held.
func (s *Store) isUnchanged(w *pendingWrite) bool {
	at := s.index.find(w.name)
	return at != nil && !at.dropped && at.generation == w.replaces.generation
}

func (s *Store) renameInto(from, to string) error {
	err := s.root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) { // the first one in its part of the store
		if err = s.root.Mkdir(filepath.Dir(to), 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			err = s.root.Rename(from, to)
		}
	}
	return err
}

// writeFailed pauses writes for a while. The lock is held, but for moments in between.
func (s *Store) writeFailed(err error) {
	s.stats.WriteErrors++
	s.pausedUntil = s.cfg.Now().Add(pauseFor)
	if !s.failing {
		s.failing = true
		s.cfg.Log.Error("disk cache cannot be written: will be retried", "store", s.name, "err", err)
	}
	if isFull(err) {
		s.yieldSpace()
	}
}

// writesRecovered notes that the disk takes writes again, and retries the pending
// removals. The lock is held.
func (s *Store) writesRecovered() {
	if s.failing {
		s.failing = false
		s.cfg.Log.Info("disk cache can be written again", "store", s.name)
	}
	if now := s.cfg.Now(); s.pendingRemovals && !now.Before(s.retry) {
		s.retry = now.Add(pauseFor)
		s.goBackground(s.removePending)
	}
}

// SetHeader gives an open record another header; its body stays. A record that
// was replaced or dropped meanwhile is not brought back. Errors are those of Put.
func (s *Store) SetHeader(name Name, r *Record, header []byte) error {
	switch {
	case r.hasHeader(header):
		return nil
	case len(header) > maxHeader:
		return errCaller
	case len(header) > r.capacity:
		// The body is not revocable: the record may be closed while it is read.
		err := s.submitWrite(&pendingWrite{
			name: name, head: encodeHead(header, r.size), body: r.bodyReader(), size: r.size, replaces: r,
		})
		if errors.Is(err, errReplaced) {
			return nil
		}
		return err
	}
	set := make(chan error, 1)
	b := encodeFront(header, r.capacity, r.size)
	if s.doWithTimeout(func() { set <- s.setHeader(name, r, b) }, nil) {
		return <-set
	}
	return ErrStalled
}

func (s *Store) setHeader(name Name, r *Record, front []byte) error {
	s.headers.Lock()
	err := errClosed // the file may be another process's by then
	if !s.closed.Load() {
		_, err = r.file.WriteAt(front, 0)
	}
	s.headers.Unlock()
	if errors.Is(err, errClosed) {
		return err
	}
	if err != nil {
		s.mu.Lock()
		s.writeFailed(err)
		s.mu.Unlock()
		s.dropRecord(name) // half of it may be there
	}
	return err
}
