package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// CacheFolder is where the cache on disk is; "" where it is off. The error
// says what to set where no folder is known.
func (s *Serve) CacheFolder() (string, error) {
	if s.CacheDisk == CacheOff || s.CacheDir != "" {
		return s.CacheDir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", errors.New("there is no cache folder for this user: set --cache-dir, or --cache-disk to off")
	}
	return dir, nil
}

// StateFolder is where what must last is: by the XDG Base Directory
// Specification, on macOS where programs keep theirs. The error says what to
// set where no folder is known.
func (s *Serve) StateFolder() (string, error) {
	if s.StateDir != "" {
		return s.StateDir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) && runtime.GOOS != "darwin" {
		return filepath.Join(dir, "pictor"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("there is no state folder for this user: set --state-dir")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "pictor"), nil
	}
	return filepath.Join(home, ".local", "state", "pictor"), nil
}

// DiskShares are what results and sources may take of the cache on disk, in
// bytes; 0 for none.
func (s *Serve) DiskShares() (results, sources int64) {
	all := max(int64(s.CacheDisk), 0)
	switch {
	case s.CacheSources == CacheShare:
		sources = all / 2
	case s.CacheSources > 0:
		sources = min(int64(s.CacheSources), all)
	}
	return all - sources, sources
}
