package bus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// maxLag is that of the servers in these tests.
const maxLag = 2 * time.Second

// server is a clock in a cluster.
type server struct {
	*purge.Cluster
	clock *purge.Clock
}

// join starts a server with its log in a folder, "" for none.
func (e *engine) join(name, dir string, policy purge.Doubt) server {
	e.t.Helper()
	return e.joinWith(dir, purge.ClusterConfig{Server: name, Policy: policy})
}

// joinWith is join with a configuration, but for the lag.
func (e *engine) joinWith(dir string, cfg purge.ClusterConfig) server {
	e.t.Helper()
	clock, err := purge.Open(purge.Config{Dir: dir})
	if err != nil {
		e.t.Fatal(err)
	}
	cfg.MaxLag = maxLag
	g, err := purge.Join(clock, e.open("cluster"), cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	s := server{g, clock}
	e.t.Cleanup(s.leave)
	return s
}

func (s server) leave() {
	s.Cluster.Close()
	s.clock.Close()
}

// settle waits until a server has heard of the bus, and has read it to its end.
func (s server) settle(t *testing.T) {
	t.Helper()
	for range 1000 {
		if stats := s.Stats(); !stats.InDoubt && stats.Behind == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the server hears nothing of its bus: %+v", s.Stats())
}

func tagged(tag string) []purge.Target { return []purge.Target{{Kind: purge.Tag, Value: tag}} }

func scopeOf(tag string) purge.Scope { return purge.Scope{Tags: []string{tag}} }

// confirm purges a tag everywhere, and waits on while the bus does not know of all servers.
func (s server) confirm(t *testing.T, tag string) purge.Confirmation {
	t.Helper()
	for range 10 {
		c, err := s.Purge(context.Background(), purge.Hard, tagged(tag), true)
		if err != nil {
			t.Fatal(err)
		}
		if c.Complete() {
			return c
		}
	}
	t.Fatal("no purge is confirmed")
	return purge.Confirmation{}
}

// A purge that is confirmed is in the clocks of all servers.
func TestClusterConfirmsWhatAllHaveApplied(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			var servers []server
			for i := range 5 {
				servers = append(servers, e.join(fmt.Sprintf("s%d", i), "", purge.Revalidate))
				servers[i].settle(t)
			}
			servers[0].confirm(t, "first")
			var wait sync.WaitGroup
			for i, s := range servers {
				wait.Add(1)
				go func() {
					defer wait.Done()
					for n := range 20 {
						tag := fmt.Sprintf("%d-%d", i, n)
						var before []uint64
						for _, other := range servers {
							before = append(before, other.clock.Applied())
						}
						c, err := s.Purge(context.Background(), purge.Hard, tagged(tag), true)
						if err != nil || !c.Complete() || len(c.Servers) != len(servers) {
							t.Errorf("%+v, %v", c, err)
						}
						for k, other := range servers {
							if hard, _ := other.clock.Since(before[k], scopeOf(tag)); hard <= before[k] {
								t.Errorf("purge %d is confirmed, and server %d has not applied it", c.Sequence, k)
							}
						}
					}
				}()
			}
			wait.Wait()
			for _, s := range servers {
				if r := s.Stats().Resets; r > 1 {
					t.Errorf("%d purges of everything", r)
				}
			}
		})
	}
}

// A server that is gone is waited for as long as its lease may hold, and named until then.
func TestClusterWaitsForALease(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			s := e.join("s", "", purge.Revalidate)
			s.settle(t)
			s.confirm(t, "first")
			ghosts := e.open("cluster")
			spanOf(t, ghosts)
			ctx := context.Background()
			if err := ghosts.Announce(ctx, purge.Member{Server: "gone"}, time.Minute); err != nil {
				t.Fatal(err)
			}
			c, err := s.Purge(ctx, purge.Hard, tagged("a"), true)
			if err != nil || len(c.Pending) != 1 || c.Pending[0] != "gone" || c.Complete() {
				t.Errorf("%+v, %v", c, err)
			}
			if c, err = s.Purge(ctx, purge.Hard, tagged("a"), false); err != nil || !c.Complete() {
				t.Errorf("a purge that waits for nobody: %+v, %v", c, err)
			}
			if err := ghosts.Announce(ctx, purge.Member{Server: "gone"}, time.Second); err != nil {
				t.Fatal(err)
			}
			if c, err = s.Purge(ctx, purge.Hard, tagged("a"), true); err != nil || !c.Complete() {
				t.Errorf("the lease has ended: %+v, %v", c, err)
			}
			// One that has applied a message of that sequence, but another one.
			behind := purge.Member{Server: "gone", Seq: c.Sequence, Token: "ff"}
			if err := ghosts.Announce(ctx, behind, time.Minute); err != nil {
				t.Fatal(err)
			}
			list, _, err := ghosts.Members(ctx)
			if err != nil || len(list) != 2 {
				t.Fatalf("%v, %v", list, err)
			}
			if c, err = s.Purge(ctx, purge.Hard, tagged("a"), true); err != nil || c.Complete() {
				t.Errorf("a server behind: %+v, %v", c, err)
			}
		})
	}
}

// Without its bus a clock is in doubt, and refuses purges; when the bus is back all goes on, and nothing is purged
// but what was.
func TestClusterOutlivesABus(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			policies := []purge.Doubt{purge.Serve, purge.ServeStale, purge.Revalidate}
			var servers []server
			for i, policy := range policies {
				servers = append(servers, e.join(fmt.Sprintf("s%d", i), t.TempDir(), policy))
				servers[i].settle(t)
			}
			servers[0].confirm(t, "first")
			e.Kill()
			for i, s := range servers {
				for s.Stats().InDoubt == false {
					time.Sleep(20 * time.Millisecond)
				}
				if got := s.clock.Doubt(time.Now()); got != policies[i] {
					t.Errorf("in doubt: %v, want %v", got, policies[i])
				}
			}
			if c, err := servers[1].Purge(context.Background(), purge.Hard, tagged("b"), true); err == nil {
				t.Errorf("a purge without a bus: %+v", c)
			}
			e.Start()
			resets := servers[0].Stats().Resets
			for i, s := range servers {
				s.settle(t)
				if got := s.clock.Doubt(time.Now()); got != purge.Serve {
					t.Errorf("server %d is still in doubt: %v", i, got)
				}
			}
			servers[2].confirm(t, "c")
			if now := servers[0].Stats().Resets; now != resets {
				t.Errorf("the bus lost nothing, and everything was purged: %d", now)
			}
		})
	}
}

// A server that was away reads what it missed, and nothing else of it is purged.
func TestClusterReadsOnAfterARestart(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			dir := t.TempDir()
			away, stays := e.join("away", dir, purge.Revalidate), e.join("stays", "", purge.Revalidate)
			away.settle(t)
			stays.settle(t)
			stays.confirm(t, "first")
			before, id := away.clock.Applied(), away.clock.ID()
			away.leave()
			if away.clock.Doubt(time.Now()) != purge.Revalidate {
				t.Error("a server vouches for its entries that nobody waits for any more")
			}
			if _, err := stays.Purge(context.Background(), purge.Hard, tagged("missed"), true); err != nil {
				t.Fatal(err)
			}
			back := e.join("away", dir, purge.Revalidate)
			if back.clock.Doubt(time.Now()) != purge.Revalidate {
				t.Error("a server vouches for its entries before it has read the bus")
			}
			back.settle(t)
			if back.clock.ID() != id {
				t.Fatal("the log was not continued")
			}
			if hard, _ := back.clock.Since(before, scopeOf("missed")); hard <= before {
				t.Error("a purge was missed")
			}
			if hard, soft := back.clock.Since(before, scopeOf("other")); hard > before || soft > before {
				t.Error("what was not purged is")
			}
		})
	}
}

// Random outages of the engine, under purges: each that is confirmed is in every clock that is not in doubt.
func TestClusterUnderOutages(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			var servers []server
			for i := range 3 {
				servers = append(servers, e.join(fmt.Sprintf("s%d", i), t.TempDir(), purge.Revalidate))
				servers[i].settle(t)
			}
			servers[0].confirm(t, "first")
			done := make(chan struct{})
			var wait sync.WaitGroup
			for i, s := range servers {
				wait.Add(1)
				go func() {
					defer wait.Done()
					for n := 0; ; n++ {
						select {
						case <-done:
							return
						default:
						}
						before := make([]uint64, len(servers))
						for k := range servers {
							before[k] = servers[k].clock.Applied()
						}
						tag := fmt.Sprintf("%d-%d", i, n)
						c, err := s.Purge(context.Background(), purge.Hard, tagged(tag), true)
						if err != nil || !c.Complete() {
							continue
						}
						for k, other := range servers {
							hard, _ := other.clock.Since(before[k], scopeOf(tag))
							if hard <= before[k] && other.clock.Doubt(time.Now()) == purge.Serve {
								t.Errorf("purge %d is confirmed, and server %d serves on", c.Sequence, k)
							}
						}
					}
				}()
			}
			for range 3 {
				time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
				e.Kill()
				time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
				e.Start()
			}
			time.Sleep(300 * time.Millisecond)
			close(done)
			wait.Wait()
			for _, s := range servers {
				s.settle(t)
			}
			servers[1].confirm(t, "last")
		})
	}
}
