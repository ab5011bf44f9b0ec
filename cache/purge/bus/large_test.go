package bus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// stranger is a client that knows nothing of what messages may be.
func stranger(t *testing.T, e *engine) *redis.Client {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: e.Address(), ReadTimeout: 2 * time.Minute, WriteTimeout: 2 * time.Minute})
	t.Cleanup(func() { r.Close() })
	return r
}

const stream = "{pictor:cluster}:purges"

// No server takes a message into memory that no server has sent, and Redis does not copy it again and again: the bus
// drops it, with all others, and has a purge of everything in their place.
func TestBusDropsWhatNoServerSent(t *testing.T) {
	t.Parallel()
	e := engines["redis"](t)
	a, b := e.open("cluster"), e.open("cluster")
	spanOf(t, a)
	r := stranger(t, e)
	ctx := context.Background()
	for name, foreign := range map[string]struct {
		id   string
		size int
	}{
		"too long":                   {"11-0", maxMessage + 1},
		"an ID of its own":           {"10-1", 1},
		"more than a reply may have": {"11-0", 17 << 20},
		"the time as its ID":         {"*", maxMessage + 1},
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.Del(ctx, stream).Err(); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if _, err := a.Append(ctx, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			values := map[string]any{"purge": strings.Repeat("x", foreign.size)}
			if err := r.XAdd(ctx, &redis.XAddArgs{Stream: stream, ID: foreign.id, Values: values}).Err(); err != nil {
				t.Fatal(err)
			}
			for _, bus := range []purge.Bus{a, b} { // the second one finds that it was dropped
				for _, behind := range []uint64{10, 5, max(spanOf(t, a).First, 1) - 1} {
					for range 2 {
						got, err := bus.Read(ctx, behind, batch, 0)
						if err != nil || len(got) > 1 ||
							len(got) > 0 && !strings.Contains(string(got[0].Data), `"all"`) {
							t.Fatalf("behind %d: %v, %v", behind, got, err)
						}
					}
				}
			}
			span := spanOf(t, b)
			got, err := b.Read(ctx, span.First-1, batch, 0)
			if err != nil || len(got) != 1 || got[0].Seq != span.Last || span.First != span.Last || span.First < 12 &&
				foreign.id != "10-1" {
				t.Errorf("%+v, %v, %v", span, got, err)
			}
			if used := r.MemoryUsage(ctx, stream).Val(); used > 1<<20 {
				t.Errorf("the stream still takes %d bytes", used)
			}
		})
	}
	if _, err := a.Append(ctx, []byte("x"), make([]byte, maxMessage+1)); err == nil {
		t.Error("a message of more than maxMessage was sent")
	}
}

// 64 MiB from a stranger cost each server a round or two, and no more: nothing of the bus copies them in Redis but what
// hands them to those who wait for messages.
func TestClusterGoesOnBehindALargeMessage(t *testing.T) {
	t.Parallel()
	e := engines["redis"](t)
	var servers []server
	var before []purge.ClusterStats
	var applied []uint64
	for i := range 3 {
		servers = append(servers, e.join(strconv.Itoa(i), t.TempDir(), purge.Revalidate))
		servers[i].settle(t)
	}
	servers[0].confirm(t, "before")
	r := stranger(t, e)
	ctx := context.Background()
	if err := r.ConfigResetStat(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		before, applied = append(before, s.Stats()), append(applied, s.clock.Applied())
	}
	values := map[string]any{"purge": strings.Repeat("x", 64<<20)}
	if err := r.XAdd(ctx, &redis.XAddArgs{Stream: stream, Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
	for i, s := range servers {
		for range 12000 {
			if s.Stats().Resets > before[i].Resets {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		s.settle(t)
		if hard, _ := s.clock.Since(applied[i], scopeOf("anything")); hard <= applied[i] {
			t.Errorf("server %d has purged nothing: %+v", i, s.Stats())
		}
		now := s.Stats()
		if failed, resets := now.Failures-before[i].Failures, now.Resets-before[i].Resets; failed > 3 || resets > 3 {
			t.Errorf("server %d has failed %d rounds, and purged everything %d times", i, failed, resets)
		}
	}
	stats := r.Info(ctx, "commandstats").Val()
	for _, command := range []string{"xinfo|stream", "xrange", "xrevrange"} {
		if strings.Contains(stats, "cmdstat_"+command+":") {
			t.Errorf("%s was called, which copies messages:\n%s", command, stats)
		}
	}
	if used := r.MemoryUsage(ctx, stream).Val(); used > 1<<20 {
		t.Errorf("the stream still takes %d bytes", used)
	}
	servers[1].confirm(t, "after")
}

// waitForMessages waits until a server has applied so many messages, and all that the bus has.
func waitForMessages(t *testing.T, s server, least uint64) {
	t.Helper()
	for range 6000 {
		if s.clock.Applied() >= least {
			s.settle(t)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the server has applied %d messages, want %d", s.clock.Applied(), least)
}

// A purge of as much as the admin port takes goes in messages that are far from what one may have, and is answered when
// all of them are applied.
func TestClusterSplitsLargePurges(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			a, b := e.join("a", t.TempDir(), purge.Revalidate), e.join("b", "", purge.Revalidate)
			a.settle(t)
			b.settle(t)
			a.confirm(t, "first")
			var targets []purge.Target
			for i := range 4000 {
				tag := strings.Repeat("&", 200) + strconv.Itoa(i)
				targets = append(targets, purge.Target{Kind: purge.Tag, Value: tag})
			}
			targets = append(targets, purge.Target{Kind: purge.Source, Value: strings.Repeat("\"", 8<<10)},
				purge.Target{Kind: purge.Source, Value: "in no \xff\xfe text"})
			from := []uint64{a.clock.Applied(), b.clock.Applied()}
			resets := a.Stats().Resets + b.Stats().Resets
			c, err := a.Purge(context.Background(), purge.Hard, targets, true)
			switch {
			case err == nil && c.Complete():
			case err == nil, errors.Is(err, purge.ErrBus): // a busy machine takes longer than an answer waits
				t.Logf("without an answer of all: %+v, %v", c, err)
				for i, s := range []server{a, b} {
					waitForMessages(t, s, from[i]+50)
				}
			default:
				t.Fatal(err)
			}
			for i, s := range []server{a, b} {
				for _, target := range targets {
					scope := purge.Scope{Tags: []string{target.Value}, Source: target.Value}
					if hard, _ := s.clock.Since(from[i], scope); hard <= from[i] {
						t.Fatalf("server %d has not applied %.20q", i, target.Value)
					}
				}
				if parts := s.clock.Applied() - from[i]; parts < 50 || parts > 70 {
					t.Errorf("server %d has applied %d messages", i, parts)
				}
			}
			if now := a.Stats().Resets + b.Stats().Resets; now != resets {
				t.Errorf("everything was purged %d times", now-resets)
			}
		})
	}
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
func TestBusGivesAllThatAreLarge(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t).open("large")
			spanOf(t, b)
			const count = batch + 20
			var all [][]byte
			for range count {
				all = append(all, make([]byte, maxMessage))
			}
			last, err := b.Append(context.Background(), all...)
			if err != nil || last != count {
				t.Fatalf("%d, %v", last, err)
			}
			for i, m := range readAll(t, b, 0, count) {
				if m.Seq != uint64(i+1) || len(m.Data) != maxMessage {
					t.Fatalf("message %d has the sequence %d and %d bytes", i+1, m.Seq, len(m.Data))
				}
			}
		})
	}
}
