package bus

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// allocated is what a function takes of the heap, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Messages that no server of pictor has sent are not taken into memory. Each may be a purge of anything, so that
// everything is purged, and those behind it count.
func TestBusTakesNoLargeMessage(t *testing.T) {
	e := engines["redis"](t)
	b := e.open("large")
	spanOf(t, b)
	ctx := context.Background()
	r := redis.NewClient(&redis.Options{Addr: e.Address(), ReadTimeout: time.Minute})
	defer r.Close()
	// The second one is too large, and all are too large together.
	sizes := []int{2, 9 << 20, 7 << 20, 7 << 20, 2}
	for _, size := range sizes {
		err := r.Eval(ctx, `
			local last = redis.call('XLEN', KEYS[1])
			redis.call('SET', KEYS[2], '')
			redis.call('SETRANGE', KEYS[2], ARGV[1] - 1, 'x')
			redis.call('XADD', KEYS[1], (last + 1) .. '-0', 'purge', redis.call('GET', KEYS[2]))
			return 1`, []string{"{pictor:large}:purges", "{pictor:large}:text"}, size).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []purge.Message
	took := allocated(func() {
		for behind := uint64(0); int(behind) < len(sizes); behind = all[len(all)-1].Seq {
			got, err := b.Read(ctx, behind, 0)
			if err != nil || len(got) == 0 {
				t.Fatalf("behind %d: %d messages, %v", behind, len(got), err)
			}
			all = append(all, got...)
		}
	})
	for i, m := range all {
		want := sizes[i]
		if want > maxMessage {
			want = 0
		}
		if m.Seq != uint64(i+1) || len(m.Data) != want {
			t.Errorf("message %d has the sequence %d and %d bytes, want %d", i+1, m.Seq, len(m.Data), want)
		}
	}
	if len(all) != len(sizes) || took > 100<<20 {
		t.Errorf("%d of %d messages, for which %d bytes were taken", len(all), len(sizes), took)
	}
	if _, err := b.Append(ctx, make([]byte, maxMessage+1)); err == nil {
		t.Error("a message of more than maxMessage was sent")
	}
}

// A cluster goes on behind a message that is too large.
func TestClusterPurgesAllForALargeMessage(t *testing.T) {
	e := engines["redis"](t)
	s := e.join("s", "", purge.Revalidate)
	s.settle(t)
	s.confirm(t, "before")
	before := s.Stats().Resets
	r := redis.NewClient(&redis.Options{Addr: e.Address(), ReadTimeout: time.Minute})
	defer r.Close()
	applied := s.clock.Applied()
	err := r.XAdd(context.Background(), &redis.XAddArgs{Stream: "{pictor:cluster}:purges",
		Values: map[string]any{"purge": strings.Repeat("x", 20<<20)}}).Err()
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if s.Stats().Resets > before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if hard, _ := s.clock.Since(applied, scopeOf("anything")); hard <= applied {
		t.Fatalf("nothing was purged: %+v", s.Stats())
	}
	s.confirm(t, "after")
}

// NATS has a limit of its own, which must be that of the bus at most: what anyone sends there comes whole.
func TestBusRefusesNATSWithLargeMessages(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(settings, []byte("max_payload: 9MB\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e := enginetest.Run(t, "nats-server", "-a", "{host}", "-p", "{port}", "-js", "-sd", "{dir}", "-c", settings)
	b := (&engine{e, t, "nats://" + e.Address()}).open("large")
	var err error
	for range 200 {
		if _, err = b.Span(context.Background()); err != nil && strings.Contains(err.Error(), "max_payload") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal(err)
}

// Messages that are large together are read a few at a time.
func TestNATSGivesNoLargeBatch(t *testing.T) {
	b := engines["nats"](t).open("large")
	spanOf(t, b)
	const size, count = 1000 << 10, 20
	for range count {
		if _, err := b.Append(context.Background(), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	for behind := uint64(0); behind < count; {
		got, err := b.Read(context.Background(), behind, 0)
		if err != nil || len(got) == 0 || len(got) > maxBatch/size+1 {
			t.Fatalf("behind %d: %d messages, %v", behind, len(got), err)
		}
		behind = got[len(got)-1].Seq
	}
}
