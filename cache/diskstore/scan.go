package diskstore

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// scannedRecord is a record that the scan came by.
type scannedRecord struct {
	name   Name
	blocks uint32
	used   int64 // by its file's time
}

// scanRecords counts what is there. It reads no contents: what they are is seen when
// they are asked for.
func (s *Store) scanRecords() {
	defer s.running.Done()
	defer close(s.scanned)
	var found []scannedRecord
	for _, dir := range s.listDir(s.name) {
		if s.isClosing() {
			return
		}
		s.progress.Add(1)
		path := filepath.Join(s.name, dir)
		b, err := hex.DecodeString(dir)
		st, gone := s.root.Lstat(path)
		if err != nil || len(b) != 1 || hex.EncodeToString(b) != dir || gone != nil || !st.IsDir() {
			_ = s.root.RemoveAll(path) // no other program has files in here
			continue
		}
		found = append(found, s.scanDir(path, dir)...)
		if len(found) > 2*s.cfg.MaxRecords {
			found = s.keepNewest(found)
		}
	}
	found = s.keepNewest(found)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range found {
		if s.index.find(r.name) == nil {
			s.addToIndex(slot{name: r.name, blocks: r.blocks, used: uint32(r.used), dropped: s.void}, true)
		}
	}
	if s.counted = true; s.void {
		s.void = false
		s.goBackground(s.removePending)
	}
	// Where the bound has become smaller this may take a while, in which what
	// stays is found already.
	if err := s.makeRoom(0, 0); err != nil && !errors.Is(err, errClosed) {
		s.writeFailed(err)
	}
	s.ready = !s.closed.Load()
}

// keepNewest removes all but as many as there may be, and puts those used last first.
func (s *Store) keepNewest(found []scannedRecord) []scannedRecord {
	slices.SortFunc(found, func(a, b scannedRecord) int { return int(b.used - a.used) })
	if len(found) <= s.cfg.MaxRecords {
		return found
	}
	for _, r := range found[s.cfg.MaxRecords:] {
		s.dropRecord(r.name)
	}
	return found[:s.cfg.MaxRecords]
}

// listDir gives the names in a folder. Where it cannot be read there are none.
func (s *Store) listDir(path string) (names []string) {
	f, err := s.root.Open(path)
	if err != nil {
		s.logUnreadable(path, err)
		return nil
	}
	defer f.Close()
	for {
		some, err := f.Readdirnames(1024)
		names = append(names, some...)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.logUnreadable(path, err)
			}
			return names
		}
	}
}

func (s *Store) logUnreadable(path string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		s.cfg.Log.Warn("part of the disk cache cannot be read", "dir", path, "err", err)
	}
}

// scanDir returns the records of one folder, and removes all other files.
func (s *Store) scanDir(path, dir string) (found []scannedRecord) {
	for _, file := range s.listDir(path) {
		full := filepath.Join(path, file)
		var name Name
		b, err := hex.DecodeString(file)
		ours := err == nil && len(b) == len(name) && hex.EncodeToString(b) == file && file[:2] == dir
		var st os.FileInfo
		if ours {
			if st, err = s.root.Lstat(full); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			ours = err == nil && st.Mode().IsRegular() && st.Size() > 0
		}
		if !ours {
			_ = s.root.RemoveAll(full)
			continue
		}
		copy(name[:], b)
		found = append(found, scannedRecord{name, uint32(blocksOf(st.Size())), st.ModTime().Unix()})
	}
	return found
}
