package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// serverConfig is what each server has, in bytes.
type serverConfig struct {
	// RAM and Disk are --cache-memory and --cache-disk. As in pictor, a half of the disk is for sources.
	RAM, Disk int64
	// TTL is the freshness lifetime that origins give their images.
	TTL time.Duration
	// Files has results stored by a diskstore, in files, and not by a model of it.
	Files bool
}

// records is how many records the disk of a server may have, as pictor plans it: an eighth is for sources.
func (c serverConfig) records() int { return max(int(c.Disk/(8<<10)), 1000) }

func (c serverConfig) newSourceStore() *sourceStore {
	return newLRU[uint32, time.Duration](c.Disk/2, c.records()/8)
}

// server is the cache of a real server. Only what a fill would fetch and transform is made up, and without Files the
// disk.
type server struct {
	serverConfig
	// now is the time of the trace, in Unix nanoseconds.
	now    *atomic.Int64
	folder *diskstore.Folder
	clock  *purge.Clock
	cache  *cache.Cache
	// sources is what is kept without a bucket, and withBucket what would be kept with one.
	sources, withBucket *sourceStore
	asked               map[result]int
	requests            int
}

func openServer(cfg serverConfig, dir string, now *atomic.Int64) (s *server, err error) {
	s = &server{
		serverConfig: cfg, now: now, asked: map[result]int{},
		sources: cfg.newSourceStore(), withBucket: cfg.newSourceStore(),
	}
	if s.clock, err = purge.Open(purge.Config{Now: s.time}); err != nil {
		return nil, err
	}
	c := cache.Config{MaxBytes: cfg.RAM, Clock: s.clock, Now: s.time}
	if cfg.Disk > 0 {
		tier, err := s.openDisk(dir)
		if err != nil {
			return nil, err
		}
		c.Lower = []cache.Tier{tier}
	}
	s.cache, err = cache.New(c)
	return s, err
}

// openDisk opens the disk tier, or the model of it.
func (s *server) openDisk(dir string) (cache.Tier, error) {
	if !s.Files {
		records := newLRU[cache.Key, *cache.Entry](s.Disk/2, s.records()-s.records()/8)
		return &modelTier{records: records}, nil
	}
	store, err := s.openStore(dir)
	if err != nil {
		return nil, err
	}
	return cache.NewDiskTier(store, s.clock.ID()), nil
}

func (s *server) openStore(dir string) (store *diskstore.Store, err error) {
	if s.folder, err = diskstore.OpenFolder(dir); err != nil {
		return nil, fmt.Errorf("%w (-dir chooses a folder on a disk)", err)
	}
	if store, err = s.folder.Open("results", diskstore.Config{
		MaxBytes: s.Disk / 2, MaxRecords: s.records() - s.records()/8, Now: s.time,
	}); err == nil {
		<-store.Ready()
	}
	return store, err
}

func (s *server) time() time.Time { return time.Unix(0, s.now.Load()) }

// close closes the server and removes what it wrote.
func (s *server) close() error {
	s.cache.Close()
	err := s.clock.Close()
	if s.folder != nil {
		err = errors.Join(err, s.folder.Close(), os.RemoveAll(s.folder.Path()))
	}
	return err
}

// body has the bytes of all results. Each entry has a part of it, whose length and capacity are those of its own
// result: that is what the tiers count, and what the disk is given to write.
var body = make([]byte, maxResult)

func sourceURL(image uint32) string {
	return fmt.Sprintf("https://images.example.com/catalog/%08d.jpg", image)
}

// request is one that a server answers.
type request struct {
	result
	bytes int
	// made is called where a result is made, and renewed where an old one was found to be right.
	made, renewed func()
}

// get answers a request.
func (s *server) get(r request) (cache.Outcome, bool, error) {
	found := &lookup{}
	ctx := context.WithValue(context.Background(), lookupKey{}, found)
	url := sourceURL(r.image)
	key := cache.Key(fmt.Sprintf("w:%d/f:webp/plain/%s", r.variant, url))
	fill := func(_ context.Context, _ func() error, old *cache.Entry) (*cache.Entry, error) {
		now, seq := s.time(), s.clock.Applied()
		fresh := &cache.Entry{
			Key: key, ContentType: "image/webp", Source: url, Version: url,
			Body: body[:r.bytes:r.bytes], ETag: fmt.Sprintf("%q", key), LastModified: now,
		}
		if old != nil {
			fresh = old.Renew()
			if found.onDisk {
				fresh.Body = nil // it stays there
			}
			r.renewed()
		} else {
			r.made()
		}
		fresh.Stored, fresh.Expires = now, now.Add(s.TTL)
		fresh.Seq = seq
		fresh.StaleWhile = time.Hour
		fresh.StaleError, fresh.Keep = day, day
		return fresh, nil
	}
	e, outcome, err := s.cache.Get(ctx, key, fill)
	if err != nil {
		return outcome, false, err
	}
	defer e.Close()
	s.settle(e, outcome)
	if found.onDisk {
		runtime.Gosched() // to its promotion
	}
	return outcome, e.InFile() || found.onDisk, nil
}

// settle waits until the tiers have what a fill made: in the trace some time passes until the next request.
func (s *server) settle(e *cache.Entry, outcome cache.Outcome) {
	if outcome == cache.Miss {
		if stored := s.cache.Stored(context.Background(), e); stored != e {
			stored.Close()
		}
		return
	}
	for outcome != cache.Hit && s.cache.Stats().Flights > 0 {
		runtime.Gosched()
	}
}

// purgeSource purges all results of an image, and its source.
func (s *server) purgeSource(image uint32) error {
	_, err := s.cache.Purge(purge.Hard, []purge.Target{{Kind: purge.Source, Value: sourceURL(image)}})
	s.sources.drop(image)
	s.withBucket.drop(image)
	return err
}
