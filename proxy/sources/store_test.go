package sources

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// slow is longer than anything takes.
const slow = 5 * time.Minute

// newTestStore makes a store with a disk of its own, room for 16 MiB, and loopback for a network.
func newTestStore(t *testing.T) *Store { return newTestStoreWith(t, func(*Config) {}) }

// newTestStoreWith is newTestStore with a configuration that was changed.
func newTestStoreWith(t *testing.T, change func(*Config)) *Store {
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
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	fetcher, err := origin.New(origin.Config{AllowNetworks: loopback})
	must(err)
	cfg := Config{
		Settings: Settings{Origin: fetcher, TTL: TTL{Default: time.Hour, Max: 24 * time.Hour}, Timeout: slow,
			QueueWait: slow},
		Disk: disk, Clock: clock,
		NegativeTTL: func(error) (time.Duration, bool) { return time.Minute, false },
		TooLarge:    func(int64) error { return budget.ErrTooLarge },
		Now:         time.Now,
	}
	cfg.Fetches, err = budget.New(budget.Config{Capacity: 8})
	must(err)
	cfg.Bytes, err = budget.New(budget.Config{Capacity: 16 << 20})
	must(err)
	change(&cfg)
	store, err := New(cfg)
	must(err)
	t.Cleanup(func() {
		_ = store.Close(context.Background()) // some tests have closed it
		fetcher.Close()
		disk.Close() // where the store does without
		clock.Close()
		folder.Close()
	})
	return store
}
