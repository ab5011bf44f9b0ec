package bus

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// TestMain has the tests wait side by side: they wait for leases to end, and compute little.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err) // testing has no such flag any more
	}
	os.Exit(m.Run())
}

// engine is a real server that buses live in.
type engine struct {
	*enginetest.Engine
	t   *testing.T
	url string
}

// engines are the kinds of servers.
var engines = map[string]func(*testing.T) *engine{
	"redis": func(t *testing.T) *engine {
		e := enginetest.Redis(t)
		return &engine{e, t, "redis://" + e.Address()}
	},
	"nats": func(t *testing.T) *engine {
		e := enginetest.NATS(t)
		return &engine{e, t, "nats://" + e.Address()}
	},
}

func (e *engine) open(name string) purge.Bus {
	e.t.Helper()
	b, err := Open(e.url, name)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { b.Close() })
	return b
}

// eventually tries again while an engine starts or a client connects.
func eventually(t *testing.T, try func(ctx context.Context) error) {
	t.Helper()
	var err error
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = try(ctx)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
}

func spanOf(t *testing.T, b purge.Bus) (s purge.Span) {
	t.Helper()
	eventually(t, func(ctx context.Context) (err error) { s, err = b.Span(ctx); return err })
	return s
}

func TestBusKeepsAnOrder(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			a, b, other := e.open("one"), e.open("one"), e.open("two")
			span := spanOf(t, a)
			if len(span.ID) != 32 || span.First != 1 || span.Last != 0 {
				t.Fatalf("empty bus: %+v", span)
			}
			if again := spanOf(t, b); again != span {
				t.Fatalf("two clients see %+v and %+v", span, again)
			}
			if spanOf(t, other).ID == span.ID {
				t.Fatal("buses of two names are one")
			}
			ctx := context.Background()
			if got, err := a.Read(ctx, 0, batch, 0); err != nil || len(got) > 0 {
				t.Fatalf("read of an empty bus: %v, %v", got, err)
			}
			var wait sync.WaitGroup
			seqs := make([]uint64, 40)
			for i := range seqs {
				wait.Add(1)
				go func() {
					defer wait.Done()
					var err error
					if seqs[i], err = []purge.Bus{a, b}[i%2].Append(ctx, fmt.Appendf(nil, "m%d", i)); err != nil {
						t.Error(err)
					}
				}()
			}
			wait.Wait()
			got := readAll(t, b, 0, 40)
			for i, m := range got {
				if m.Seq != uint64(i+1) {
					t.Fatalf("message %d has the sequence %d", i, m.Seq)
				}
				if want := slices.Index(seqs, m.Seq); string(m.Data) != fmt.Sprintf("m%d", want) {
					t.Fatalf("sequence %d is %s, not m%d", m.Seq, m.Data, want)
				}
			}
			if s := spanOf(t, a); s.First != 1 || s.Last != 40 || s.ID != span.ID {
				t.Fatalf("full bus: %+v", s)
			}
			if rest := readAll(t, a, 38, 2); rest[0].Seq != 39 {
				t.Fatalf("read behind 38 begins with %d", rest[0].Seq)
			}
		})
	}
}

func readAll(t *testing.T, b purge.Bus, behind uint64, n int) (all []purge.Message) {
	t.Helper()
	for len(all) < n {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		got, err := b.Read(ctx, behind, batch, time.Second)
		cancel()
		if err != nil || len(got) == 0 {
			t.Fatalf("%d of %d messages, then %v", len(all), n, err)
		}
		all = append(all, got...)
		behind = got[len(got)-1].Seq
	}
	return all
}

// A Read that waits gets what is sent meanwhile, and one that nothing comes for ends by itself.
func TestBusReadWaits(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			a, b := e.open("x"), e.open("x")
			spanOf(t, a)
			spanOf(t, b)
			if got, err := a.Read(context.Background(), 0, batch, 50*time.Millisecond); err != nil || len(got) > 0 {
				t.Fatalf("%v, %v", got, err)
			}
			began := time.Now()
			sent := make(chan error, 1)
			go func() {
				time.Sleep(100 * time.Millisecond)
				_, err := b.Append(context.Background(), []byte("now"))
				sent <- err
			}()
			got, err := a.Read(context.Background(), 0, batch, 30*time.Second)
			if err != nil || len(got) != 1 || string(got[0].Data) != "now" {
				t.Fatalf("%v, %v after %v", got, err, time.Since(began))
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestBusAnnouncesServers(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			b := e.open("x")
			spanOf(t, b)
			ctx := context.Background()
			odd := "a b.c*>/ü"
			for _, m := range []purge.Member{{Server: odd, Seq: 1, Token: "aa"}, {Server: "two", Seq: 2},
				{Server: odd, Seq: 3, Token: "bb"}} {
				if err := b.Announce(ctx, m, time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.Announce(ctx, purge.Member{Server: "short"}, time.Second); err != nil {
				t.Fatal(err)
			}
			eventually(t, func(ctx context.Context) error {
				list, _, err := b.Members(ctx)
				if err != nil || len(list) != 2 {
					return fmt.Errorf("%v, %v", list, err)
				}
				return nil
			})
			list, _, err := b.Members(ctx)
			if err != nil || !slices.Contains(list, purge.Member{Server: odd, Seq: 3, Token: "bb"}) {
				t.Fatalf("%v, %v", list, err)
			}
			if err := b.Withdraw(ctx, odd); err != nil {
				t.Fatal(err)
			}
			if list, _, err := b.Members(ctx); err != nil || len(list) != 1 || list[0].Server != "two" {
				t.Fatalf("%v, %v", list, err)
			}
		})
	}
}

// What a bus took is there after its engine was killed, under the same identity.
func TestBusOutlivesItsEngine(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			b := e.open("x")
			before := spanOf(t, b)
			for i := range 5 {
				if _, err := b.Append(context.Background(), fmt.Appendf(nil, "m%d", i)); err != nil {
					t.Fatal(err)
				}
			}
			e.Kill()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if _, err := b.Append(ctx, []byte("lost")); err == nil {
				t.Error("a bus without its engine takes a purge")
			}
			cancel()
			e.Start()
			after := spanOf(t, b)
			if after.ID != before.ID || after.Last != 5 {
				t.Fatalf("%+v became %+v", before, after)
			}
			eventually(t, func(ctx context.Context) error {
				got, err := b.Read(ctx, 0, batch, 0)
				if err == nil && len(got) != 5 {
					t.Fatalf("%d messages", len(got))
				}
				return err
			})
		})
	}
}

func TestBusAddresses(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"redis://127.0.0.1:1/2": true, "rediss://u:hush@example.com:6380": true, "unix:///run/redis.sock": true,
		"nats://127.0.0.1:1":       true,
		"redis://u:hush@host:port": false, "http://hush@x": false, "": false,
		"redis://h/hush": false, "%zz": false, "nats://u:hush@host:po rt": false,
	} {
		b, err := Open(address, "x")
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error %v has a secret", address, err)
		}
		if b != nil {
			b.Close()
		}
	}
	if _, err := Open("redis://h", "a b"); err == nil {
		t.Error("a name with a blank is taken")
	}
}
