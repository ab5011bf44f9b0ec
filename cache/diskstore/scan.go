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

// seen is a record that the scan came by.
type seen struct {
	name   Name
	blocks uint32
	used   int64 // by its file's time
}

// scan counts what is there. It reads no contents: what they are is seen when
// they are asked for.
func (s *Store) scan() {
	defer s.running.Done()
	defer close(s.scanned)
	var found []seen
	for _, dir := range s.list(s.name) {
		if s.ended() {
			return
		}
		s.done.Add(1)
		path := filepath.Join(s.name, dir)
		b, err := hex.DecodeString(dir)
		st, gone := s.root.Lstat(path)
		if err != nil || len(b) != 1 || hex.EncodeToString(b) != dir || gone != nil || !st.IsDir() {
			_ = s.root.RemoveAll(path) // nobody else's business is in here
			continue
		}
		found = append(found, s.records(path, dir)...)
		if len(found) > 2*s.cfg.MaxRecords {
			found = s.newest(found)
		}
	}
	found = s.newest(found)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range found {
		if s.index.find(r.name) == nil {
			s.count(slot{name: r.name, blocks: r.blocks, used: uint32(r.used), dropped: s.void}, true)
		}
	}
	if s.counted = true; s.void {
		s.void = false
		s.errand(s.catchUp)
	}
	// Where the bound has become smaller this may take a while, in which what
	// stays is found already.
	if err := s.room(0, 0); err != nil && !errors.Is(err, errClosed) {
		s.failed(err)
	}
	s.ready = !s.closed.Load()
}

func (s *Store) ended() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}

// newest removes all but as many as there may be, and puts those used last first.
func (s *Store) newest(found []seen) []seen {
	slices.SortFunc(found, func(a, b seen) int { return int(b.used - a.used) })
	if len(found) <= s.cfg.MaxRecords {
		return found
	}
	for _, r := range found[s.cfg.MaxRecords:] {
		s.drop(r.name)
	}
	return found[:s.cfg.MaxRecords]
}

// list gives the names in a folder. Where it cannot be read there are none.
func (s *Store) list(path string) (names []string) {
	f, err := s.root.Open(path)
	if err != nil {
		s.unreadable(path, err)
		return nil
	}
	defer f.Close()
	for {
		some, err := f.Readdirnames(1024)
		names = append(names, some...)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.unreadable(path, err)
			}
			return names
		}
	}
}

func (s *Store) unreadable(path string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		s.cfg.Log.Warn("part of the disk cache cannot be read", "dir", path, "err", err)
	}
}

// records are those of one folder. What is no record is removed.
func (s *Store) records(path, dir string) (found []seen) {
	for _, file := range s.list(path) {
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
		found = append(found, seen{name, uint32(blocksOf(st.Size())), st.ModTime().Unix()})
	}
	return found
}
