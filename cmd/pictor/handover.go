package main

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/config"
)

// hotFile is the file in the cache directory that says what was in memory when a server was told to end.
const hotFile = "hot"

// lookForReady is how often it is looked whether the server is ready to be warmed.
const lookForReady = 200 * time.Millisecond

// warmFromDisk reads into memory what the server before had there, once this one is ready and has heard of all purges.
func (p *parts) warmFromDisk(ctx context.Context) {
	if p.storage.results == nil {
		return
	}
	for p.checkReady() != nil || p.storage.clock.InDoubt(time.Now()) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookForReady):
		}
	}
	list, err := p.storage.folder.ReadFile(hotFile, p.cache.HotListBytes())
	if err == nil {
		var keys []cache.Key
		if keys, err = cache.ReadHotKeys(list); err == nil {
			n := p.cache.WarmUp(ctx, keys)
			p.log.Info("memory cache is warm", "from_disk", n, "listed", len(keys))
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn("list of what was in memory cannot be read: the memory cache starts empty", "err", err)
	}
	if ctx.Err() == nil {
		p.isWarm.Store(true)
	}
}

// writeHotKeys leaves the list of the server before where this one has not read all of it.
func (p *parts) writeHotKeys() {
	if p.storage.results == nil || !p.isWarm.CompareAndSwap(true, false) {
		return
	}
	if err := p.storage.folder.WriteFile(hotFile, p.cache.HotKeys()); err != nil {
		p.log.Warn("list of what is in memory cannot be written: the next server starts with an empty memory cache",
			"err", err)
	}
}

// handOverWhenWanted hands the directories over as soon as another server waits for them, until ctx ends.
func (p *parts) handOverWhenWanted(ctx context.Context, cfg *config.Serve) {
	var queues []queue
	for _, folder := range []struct {
		find func() (string, error)
		file func(dir string) string
	}{{cfg.CacheFolder, diskstore.QueueFile}, {cfg.StateFolder, purge.QueueFile}} {
		if dir, err := folder.find(); err == nil && dir != "" {
			queues = append(queues, queue(folder.file(dir)))
		}
	}
	for !slices.ContainsFunc(queues, queue.isWaitedAt) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAtQueue):
		}
	}
	if err := p.handOver(); err != nil {
		p.log.Warn("directories cannot be handed over before the end", "err", err)
		return
	}
	p.log.Info("directories handed over to another server")
}

// handOver gives the directories to another server, while requests of this one are under way yet. From then on
// this one writes nothing, finds nothing on disk, and asks origins for what it has in memory: it does not hear of
// purges any more.
func (p *parts) handOver() error {
	_ = p.cluster.close() // or the others wait for this server as long as its announcement holds
	p.storage.clock.Retire()
	p.writeHotKeys()
	for _, s := range []*diskstore.Store{p.storage.results, p.storage.sources} {
		if s == nil {
			continue
		}
		if err := s.Release(); err != nil {
			return err
		}
	}
	if p.hidden.Store != nil {
		_ = p.hidden.Store.Release() // each source is on disk already
	}
	_ = p.storage.closeClock()
	return p.storage.closeFolder()
}
