package bus

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// A bus that has lost purges, in any of several ways, has everything purged: nobody knows any more what they named.
func TestClusterFindsOutLostPurges(t *testing.T) {
	t.Parallel()
	stream := "{pictor:cluster}:purges"
	for name, lose := range map[string]func(ctx context.Context, r *redis.Client) error{
		"all":              func(ctx context.Context, r *redis.Client) error { return r.FlushAll(ctx).Err() },
		"the stream alone": func(ctx context.Context, r *redis.Client) error { return r.Del(ctx, stream).Err() },
		"its identity":     func(ctx context.Context, r *redis.Client) error { return r.Del(ctx, "{pictor:cluster}:id").Err() },
		"its end, with others in its place": func(ctx context.Context, r *redis.Client) error {
			list, err := r.XRange(ctx, stream, "-", "+").Result()
			if err != nil {
				return err
			}
			_, err = r.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Del(ctx, stream)
				for i, m := range list {
					values := map[string]any{"purge": m.Values["purge"]}
					if i >= 2 {
						values["purge"] = `{"token":"aabb","mode":"soft","targets":[{"kind":"tag","value":"z"}]}`
					}
					p.XAdd(ctx, &redis.XAddArgs{Stream: stream, ID: m.ID, Values: values})
				}
				return nil
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := engines["redis"](t)
			a, b := e.join("a", t.TempDir(), purge.Revalidate), e.join("b", "", purge.Revalidate)
			a.settle(t)
			b.settle(t)
			for i := range 4 {
				a.confirm(t, strconv.Itoa(i))
			}
			resets := []uint64{a.Stats().Resets, b.Stats().Resets}
			before := []uint64{a.clock.Applied(), b.clock.Applied()}
			r := redis.NewClient(&redis.Options{Addr: e.Address()})
			defer r.Close()
			if err := lose(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			for i, s := range []server{a, b} {
				for range 500 {
					if s.Stats().Resets > resets[i] {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				if hard, _ := s.clock.Since(before[i], scopeOf("anything")); hard <= before[i] {
					t.Errorf("server %d goes on as if nothing had been lost: %+v", i, s.Stats())
				}
			}
			a.confirm(t, "after")
		})
	}
}

// Entries in a store that servers share may have been named by purges that the bus has lost. They count on no server
// any more, also not on one that starts after the loss.
func TestClusterTellsOfLostPurges(t *testing.T) {
	t.Parallel()
	e := engines["redis"](t)
	ctx := context.Background()
	r := redis.NewClient(&redis.Options{Addr: e.Address()})
	defer r.Close()
	a := e.joinWith(t.TempDir(), purge.ClusterConfig{Server: "a"})
	a.settle(t)
	a.confirm(t, "first")
	stamp, ok := a.clock.Stamp(a.clock.Applied())
	if !ok || stamp.Seq != 1 {
		t.Fatalf("%+v, %v", stamp, ok)
	}
	early := e.joinWith("", purge.ClusterConfig{Server: "early"})
	early.settle(t)
	if got, err := early.clock.SequenceOf(stamp); err != nil {
		t.Fatalf("before the loss: %d, %v", got, err)
	}
	early.leave()
	a.confirm(t, "lost")
	stream := "{pictor:cluster}:purges"
	list, err := r.XRange(ctx, stream, "-", "+").Result()
	if err == nil {
		err = r.XDel(ctx, stream, list[1].ID).Err()
	}
	if err == nil {
		err = r.Do(ctx, "XSETID", stream, list[0].ID).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if a.Stats().Resets > 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	late := e.joinWith("", purge.ClusterConfig{Server: "late"})
	late.settle(t)
	got, err := late.clock.SequenceOf(stamp)
	if hard, _ := late.clock.Since(got, scopeOf("lost")); err == nil && hard <= got {
		t.Errorf("an entry that a lost purge named counts on a server that starts later: %+v", late.Stats())
	}
}

// What a server missed may be more than the bus keeps.
func TestClusterFindsOutDroppedPurges(t *testing.T) {
	t.Parallel()
	e := engines["redis"](t)
	dir := t.TempDir()
	away, stays := e.join("away", dir, purge.Revalidate), e.join("stays", "", purge.Revalidate)
	away.settle(t)
	stays.settle(t)
	stays.confirm(t, "first")
	before := away.clock.Applied()
	away.leave()
	for i := range 5 {
		stays.confirm(t, strconv.Itoa(i))
	}
	r := redis.NewClient(&redis.Options{Addr: e.Address()})
	defer r.Close()
	if err := r.XTrimMaxLen(context.Background(), "{pictor:cluster}:purges", 2).Err(); err != nil {
		t.Fatal(err)
	}
	back := e.join("away", dir, purge.Revalidate)
	back.settle(t)
	if hard, _ := back.clock.Since(before, scopeOf("anything")); hard <= before {
		t.Error("purges were dropped unread, and nothing was purged for them")
	}
	kept := stays.clock.Applied()
	stays.settle(t)
	if hard, _ := stays.clock.Since(kept, scopeOf("anything")); hard > kept {
		t.Error("a server that had read them purged everything, too")
	}
}

// Messages of another version, or of nobody, are purges of anything.
func TestClusterPurgesAllForWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			s, other := e.join("s", t.TempDir(), purge.Revalidate), e.open("cluster")
			s.settle(t)
			spanOf(t, other)
			for _, text := range []string{"", "x", "{}", `{"token":"aa","mode":"hard","targets":[]}`,
				`{"token":"aa","mode":"hard","targets":[{"kind":"slot","value":"1"}]}`,
				`{"token":"aa","mode":"worse","targets":[{"kind":"all"}]}`,
				`{"token":"zz","mode":"hard","targets":[{"kind":"all"}]}`} {
				before := s.clock.Applied()
				if _, err := other.Append(context.Background(), []byte(text)); err != nil {
					t.Fatal(err)
				}
				for s.clock.Applied() == before {
					time.Sleep(time.Millisecond)
				}
				if hard, _ := s.clock.Since(before, scopeOf("anything")); hard <= before {
					t.Errorf("%q was passed over", text)
				}
			}
			s.settle(t)
		})
	}
}

// A bus is put back to an older copy. A server that was away when its end was written has read all that is left, and
// could not know that there was more. It hears of that from those who had read it, before it vouches for anything.
func TestClusterTellsThoseWhoWereAwayOfLostPurges(t *testing.T) {
	t.Parallel()
	e := engines["redis"](t)
	dir := t.TempDir()
	stays, away := e.join("stays", t.TempDir(), purge.Revalidate), e.join("away", dir, purge.Revalidate)
	stays.settle(t)
	away.settle(t)
	stays.confirm(t, "first")
	away.leave()
	before := away.clock.Applied()
	e.Kill()
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(e.Dir)); err != nil {
		t.Fatal(err)
	}
	e.Start()
	stays.confirm(t, "second")
	e.Kill()
	if err := os.RemoveAll(e.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(e.Dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	e.Start()
	back := e.join("away", dir, purge.Revalidate)
	if applied := back.clock.Applied(); applied != before {
		t.Fatalf("it goes on from %d, not from %d", applied, before)
	}
	back.settle(t)
	if hard, _ := back.clock.Since(before, scopeOf("second")); hard <= before {
		t.Error("it vouches for what was purged when it was away")
	}
	stays.settle(t)
	stays.confirm(t, "third")
}
