package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// devName is the directory of a trial (--dev) below the user's own directories, so that
// it leaves the files of a server of the same user alone.
const devName = "pictor-dev"

// CacheFolder is where the cache on disk is; "" where it is off. The error
// says what to set where no directory is known.
func (s *Serve) CacheFolder() (string, error) {
	if s.CacheDisk == CacheOff || s.CacheDir != "" {
		return s.CacheDir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", errors.New("this user has no cache directory: set --cache-dir, or --cache-disk to off")
	}
	if s.Dev {
		return filepath.Join(dir, devName), nil
	}
	return dir, nil
}

// StateFolder is the directory of state that must last, by the XDG Base Directory
// Specification, on macOS that of applications. The error says what to
// set where no directory is known.
func (s *Serve) StateFolder() (string, error) {
	name := "pictor"
	if s.Dev {
		name = devName
	}
	if s.StateDir != "" {
		return s.StateDir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) && runtime.GOOS != "darwin" {
		return filepath.Join(dir, name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("this user has no state directory: set --state-dir")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", name), nil
	}
	return filepath.Join(home, ".local", "state", name), nil
}

// DiskShares are the parts of the cache on disk for results and for sources, in bytes;
// 0 for none.
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
