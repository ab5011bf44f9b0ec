package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// storage is the state that outlasts the process: the purge log and the disk cache. A
// part that cannot be used is nil, and a log line says why.
type storage struct {
	folder *diskstore.Folder
	clock  *purge.Clock
	// results and sources are nil where nothing is kept.
	results, sources *diskstore.Store
	// waitUntil is until when another server is waited for that has the directories, and countUntil until when
	// the server is not ready while what is on disk is being counted.
	waitUntil, countUntil time.Time
}

// mostCounting is more than a disk that is well takes for as many records as there may be.
const mostCounting = 30 * time.Second

var errCounting = errors.New("starting: the disk cache is being counted")

// unready says why the server should not be asked yet: what it has on disk is not known. A disk that hangs is
// not waited for.
func (st *storage) unready(now time.Time) error {
	for _, s := range []*diskstore.Store{st.results, st.sources} {
		if s == nil || !now.Before(st.countUntil) {
			continue
		}
		select {
		case <-s.Ready():
		default:
			return errCounting
		}
	}
	return nil
}

// openStorage runs without a part that cannot be opened: it is better to serve an image
// from memory than not at all.
func openStorage(cfg *config.Serve, plan memory.Plan, log *slog.Logger) (*storage, error) {
	st := &storage{waitUntil: time.Now().Add(cfg.DirectoryWait)}
	st.openFolder(cfg, log)
	if err := st.openClock(cfg, log); err != nil {
		_ = st.closeFolder()
		return nil, err
	}
	if st.folder == nil {
		return st, nil
	}
	st.countUntil = time.Now().Add(mostCounting)
	results, sources := cfg.DiskShares()
	records := plan.Records()
	for _, s := range []struct {
		into    **diskstore.Store
		name    string
		bytes   int64
		records int
	}{{&st.results, "results", results, records - records/8}, {&st.sources, "sources", sources, records / 8}} {
		if s.bytes == 0 {
			continue
		}
		store, err := st.folder.Open(s.name, diskstore.Config{MaxBytes: s.bytes, MaxRecords: s.records, Log: log})
		if err != nil {
			log.Error("disk cache of "+s.name+" cannot be opened: running without it", "err", err)
			continue
		}
		*s.into = store
	}
	return st, nil
}

func (st *storage) openFolder(cfg *config.Serve, log *slog.Logger) {
	dir, err := cfg.CacheFolder()
	if err == nil && dir == "" {
		return // switched off
	}
	if err == nil {
		st.folder, err = awaitDirectory(diskstore.QueueFile(dir), st.waitUntil, diskstore.ErrInUse, log,
			func() (*diskstore.Folder, error) { return diskstore.OpenFolder(dir) })
	}
	switch {
	case errors.Is(err, diskstore.ErrInUse):
		log.Warn("cache directory is in use by another process: running without a disk cache. "+
			"Set --cache-dir to a directory of its own.", "directory", dir)
	case errors.Is(err, diskstore.ErrMemory):
		log.Warn("cache directory is in memory (tmpfs) and would use up the memory limit: "+
			"running without a disk cache. Set --cache-dir to a directory on a disk.", "directory", dir)
	case err != nil:
		log.Warn("cache directory cannot be used: running without a disk cache", "err", err)
	default:
		log.Info("disk cache", "directory", st.folder.Path(), "size", cfg.CacheDisk.String())
	}
}

// openClock opens the purge log. Without it purges are kept in memory, and the disk
// cache of earlier runs is void from the start. Where this process cannot make it
// void, purges are refused: what they name could come back.
func (st *storage) openClock(cfg *config.Serve, log *slog.Logger) (err error) {
	in := purge.Config{Log: log}
	if st.folder != nil {
		in.Checkpoint = filepath.Join(st.folder.Path(), "purge-log")
	}
	if in.Dir, err = cfg.StateFolder(); err == nil {
		st.clock, err = awaitDirectory(purge.QueueFile(in.Dir), st.waitUntil, purge.ErrInUse, log,
			func() (*purge.Clock, error) { return purge.Open(in) })
	}
	if err == nil {
		return nil
	}
	in.RefusePurges = st.folder == nil &&
		(cfg.CacheDisk != config.CacheOff || errors.Is(err, purge.ErrStalled) || purge.LogExists(in.Dir))
	lost := "The disk cache starts empty, and its entries will not survive a restart. "
	switch {
	case st.folder == nil && !in.RefusePurges:
		lost = "Purges are kept in memory. "
	case in.RefusePurges:
		lost = "Purges are refused, because what they name could come back from the disk cache. "
	}
	if errors.Is(err, purge.ErrInUse) {
		log.Warn("purge log is in use by another process: running without it. "+lost+
			"Set --state-dir to a directory of its own.", "directory", in.Dir)
	} else {
		log.Warn("purge log cannot be used: running without it. "+lost+
			"Set --state-dir to a directory that pictor can write to.", "err", err)
	}
	in.Dir = ""
	st.clock, err = purge.Open(in)
	return err
}

// tiers are those below the RAM tier.
func (st *storage) tiers() []cache.Tier {
	if st.results == nil {
		return nil
	}
	return []cache.Tier{cache.NewDiskTier(st.results, st.clock.ID())}
}

// closeClock and closeFolder come after the cache and the server, which close
// the stores. Their errors are ignored: each purge is on disk already, and the
// locks end with the process.
func (st *storage) closeClock() error {
	if st.clock != nil {
		_ = st.clock.Close()
	}
	return nil
}

func (st *storage) closeFolder() error {
	if st.folder != nil {
		_ = st.folder.Close()
	}
	return nil
}
