package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/config"
)

// checkFolders tries to write where serve would.
func (r *report) checkFolders(cfg *config.Serve) {
	cacheFolder, err := cfg.CacheFolder()
	if at, ok := r.checkFolder("cache directory", cacheFolder, err); ok {
		r.checkCacheDisk(cacheFolder, at, int64(cfg.CacheDisk))
	}
	stateFolder, err := cfg.StateFolder()
	if at, ok := r.checkFolder("state directory", stateFolder, err); ok && at.isInMemory {
		r.note("disk", "Set --state-dir to a directory on a disk.", "The state directory %s is in memory (tmpfs): "+
			"with it the purges are lost, and the disk cache is then discarded", stateFolder)
	}
}

// writtenFolder is a folder that could be written to.
type writtenFolder struct {
	path string
	// isInMemory: as for diskstore.IsInMemory.
	isInMemory bool
}

// checkFolder says at which folder it could write: dir, or what exists above it.
func (r *report) checkFolder(what, dir string, err error) (at writtenFolder, ok bool) {
	switch {
	case err != nil:
		r.note("disk", "Set --cache-dir and --state-dir.", "There is no %s: %v", what, err)
		return at, false
	case dir == "":
		r.ok("disk", "The %s is switched off", what)
		return at, false
	}
	at.path = dir
	for {
		if _, err := os.Stat(at.path); err == nil || at.path == filepath.Dir(at.path) {
			break
		}
		at.path = filepath.Dir(at.path)
	}
	f, err := os.CreateTemp(at.path, ".pictor-doctor-*")
	if err != nil {
		r.problem("disk", "Let this user write there, or set another directory.", "The %s %s cannot be written: %v",
			what, dir, err)
		return at, false
	}
	at.isInMemory = diskstore.IsInMemory(f)
	f.Close()
	os.Remove(f.Name())
	r.ok("disk", "The %s %s can be written", what, dir)
	return at, true
}

// checkCacheDisk compares --cache-disk with the room that there is.
func (r *report) checkCacheDisk(dir string, at writtenFolder, size int64) {
	if at.isInMemory {
		r.note("disk", "Set --cache-dir to a directory on a disk.", "The cache directory %s is in memory (tmpfs), "+
			"which would use up the memory limit: serve runs without a disk cache", dir)
		return
	}
	free, ok := freeBytes(at.path)
	if !ok {
		return
	}
	used, all := sizeOf(cachePart(dir), time.Now().Add(2*time.Second))
	switch {
	case free+used >= size:
		r.ok("disk", "There is room for --cache-disk: %s are free", formatSize(free))
	case all:
		r.note("disk", "Lower --cache-disk, or set --cache-dir to a larger disk.",
			"--cache-disk is %s, and of that %s are in use and %s are free", formatSize(size), formatSize(used),
			formatSize(free))
	default:
		r.ok("disk", "There are %s free, and more in the cache than could be counted now", formatSize(free))
	}
}

// sizeOf adds up the files of a folder until a deadline. all says that it came to the end.
func sizeOf(folder string, deadline time.Time) (bytes int64, all bool) {
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if time.Now().After(deadline) {
			return fs.SkipAll
		}
		if err != nil || entry.IsDir() {
			return nil // a running server removes files meanwhile
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, err == nil && time.Now().Before(deadline)
}
