package sources

import (
	"context"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// slow is longer than anything takes.
const slow = 5 * time.Minute

// newTestStore makes a store with a disk of its own, room for 16 MiB, and no network.
func newTestStore(t *testing.T) *Store {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	folder, err := diskstore.OpenFolder(t.TempDir())
	must(err)
	disk, err := folder.Open("sources", diskstore.Config{MaxBytes: 64 << 20, StallTimeout: slow})
	must(err)
	<-disk.Ready()
	clock, err := purge.Open(purge.Config{})
	must(err)
	fetcher, err := origin.New(origin.Config{})
	must(err)
	cfg := Config{
		Origin: fetcher, Disk: disk, Clock: clock, TTL: TTL{Default: time.Hour, Max: 24 * time.Hour}, Timeout: slow,
		QueueWait:   slow,
		NegativeTTL: func(error) (time.Duration, bool) { return time.Minute, false },
		TooLarge:    func(int64) error { return budget.ErrTooLarge },
		Now:         time.Now,
	}
	cfg.Fetches, err = budget.New(budget.Config{Capacity: 8})
	must(err)
	cfg.Bytes, err = budget.New(budget.Config{Capacity: 16 << 20})
	must(err)
	store, err := New(cfg)
	must(err)
	t.Cleanup(func() {
		_ = store.Close(context.Background()) // some tests have closed it
		fetcher.Close()
		clock.Close()
		folder.Close()
	})
	return store
}
