package leases

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/cache/enginetest"
)

// bench is a Redis, with servers that use it, and a client for looking at it.
type bench struct {
	*enginetest.Engine
	t       testing.TB
	raw     *redis.Client
	servers int64
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{Engine: enginetest.Redis(t), t: t}
	b.raw = redis.NewClient(&redis.Options{Addr: b.Address()})
	t.Cleanup(func() { b.raw.Close() })
	return b
}

// open starts a server, and waits until it has been heard of.
func (b *bench) open() *Leases {
	b.t.Helper()
	l, err := Open(Config{Address: "redis://" + b.Address(), Cluster: "test"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	b.servers++
	b.until("listeners", func() bool {
		n, err := b.raw.Publish(context.Background(), l.channel(), "0none").Result()
		return err == nil && n >= b.servers && l.probe()
	})
	return l
}

// probe says whether Redis answers.
func (l *Leases) probe() bool {
	return l.call(context.Background(), func(ctx context.Context) error { return l.client.Ping(ctx).Err() }) == nil
}

func (b *bench) until(what string, done func() bool) {
	b.t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("waited in vain for " + what)
}

// do is what servers do with leases: one makes a body, and the others take it.
func do(ctx context.Context, l *Leases, name string, work func() []byte) (body []byte) {
	a := l.Ask(ctx, name)
	if a.MustWait() {
		lease, taken := l.Wait(ctx, name, 20*time.Second, func(ctx context.Context, head []byte) bool {
			var size int64
			if _, err := fmt.Sscan(string(head), &size); err != nil {
				return false
			}
			var err error
			body, err = l.Body(ctx, name, size)
			return err == nil
		})
		if taken {
			return body
		}
		a.Lease = lease
	}
	body = work()
	if a.Lease != nil {
		a.Lease.End(HandOver{Head: fmt.Append(nil, len(body)), Body: body})
	}
	return body
}

// Of many servers that want the same at the same time one does the work, and all have its bytes.
func TestOneServerDoesTheWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var servers []*Leases
	for range 5 {
		servers = append(servers, b.open())
	}
	want := bytes.Repeat([]byte("pixels"), 1<<17)
	for round := range 5 {
		name := fmt.Sprint("work ", round)
		var worked atomic.Int32
		var all sync.WaitGroup
		waits := func() (n uint64) {
			for _, l := range servers {
				n += l.Stats().Waits
			}
			return n
		}
		before := waits()
		for _, l := range servers {
			all.Go(func() {
				got := do(context.Background(), l, name, func() []byte {
					worked.Add(1)
					b.until("the others to wait", func() bool { return waits() == before+4 })
					return want
				})
				if !bytes.Equal(got, want) {
					t.Errorf("%d bytes", len(got))
				}
			})
		}
		all.Wait()
		if n := worked.Load(); n != 1 {
			t.Errorf("round %d: %d servers did the work", round, n)
		}
	}
	keys, err := b.raw.Keys(context.Background(), "*:lease").Result()
	if err != nil || len(keys) != 0 {
		t.Errorf("leases are left: %v, %v", keys, err)
	}
}

// Where a holder hands nothing over, the others do the work, and none of them waits for another one.
func TestNothingIsHandedOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	holder := b.open().Ask(context.Background(), "x")
	if holder.Lease == nil {
		t.Fatalf("%+v", holder)
	}
	var all sync.WaitGroup
	var servers []*Leases
	for range 3 {
		servers = append(servers, b.open())
	}
	for _, l := range servers {
		all.Go(func() {
			lease, taken := l.Wait(context.Background(), "x", time.Hour, nil)
			if lease != nil || taken {
				t.Errorf("%v, %v", lease, taken)
			}
		})
	}
	for _, l := range servers {
		b.until("a wait", func() bool { return l.Stats().Waits == 1 && len(l.waitingFor("x")) == 1 })
	}
	sent := make(chan bool)
	holder.Lease.End(HandOver{Sent: func() { close(sent) }})
	<-sent
	all.Wait()
}

func (l *Leases) waitingFor(name string) []chan ended {
	l.waiting.mu.Lock()
	defer l.waiting.mu.Unlock()
	return l.waiting.wake[digestOf(name)]
}

// A lease is renewed while its holder lives. That of one which is gone passes to another server, without a message.
func TestLeasesOutlastTheirHoldersShortly(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), context.Background()
	first, second := b.open(), b.open()
	if first.Ask(ctx, "x").Lease == nil {
		t.Fatal("no lease")
	}
	key := first.keysOf("x")[0]
	least := leaseTime
	b.until("a renewal", func() bool {
		left := b.raw.PTTL(ctx, key).Val()
		grown := left > least+leaseTime/4
		least = min(least, left)
		return grown
	})
	first.Close() // as by kill: the lease stays
	lease, taken := second.Wait(ctx, "x", time.Hour, nil)
	if lease == nil || taken {
		t.Fatalf("%v, %v", lease, taken)
	}
	sent := make(chan bool)
	lease.End(HandOver{Head: []byte("1"), Body: []byte("a"), Sent: func() { close(sent) }})
	<-sent
	if n := b.raw.Exists(ctx, key).Val(); n != 0 {
		t.Error("the lease is left")
	}
}

// The end of a lease deletes no other server's.
func TestEndSparesAnothersLease(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), context.Background()
	l := b.open()
	lease := l.Ask(ctx, "x").Lease
	if err := b.raw.Set(ctx, l.keysOf("x")[0], "another", time.Hour).Err(); err != nil || lease == nil {
		t.Fatal(lease, err)
	}
	sent := make(chan bool)
	lease.End(HandOver{Sent: func() { close(sent) }})
	<-sent
	if got := b.raw.Get(ctx, l.keysOf("x")[0]).Val(); got != "another" {
		t.Errorf("%q", got)
	}
}

// A holder that takes too long is not waited for, and neither does a server wait that has no time.
func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.open()
	if b.open().Ask(context.Background(), "x").Lease == nil {
		t.Fatal("no lease")
	}
	lease, taken := l.Wait(context.Background(), "x", 50*time.Millisecond, nil)
	if lease != nil || taken || l.Stats().Late != 1 {
		t.Errorf("%v, %v, %+v", lease, taken, l.Stats())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if lease, taken := l.Wait(ctx, "x", time.Hour, nil); lease != nil || taken {
		t.Errorf("%v, %v", lease, taken)
	}
}

// What cannot be taken is not asked for again, and the lease is.
func TestRefusedHandOver(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), context.Background()
	l := b.open()
	keys := l.keysOf("x")
	for what, head := range map[string]string{"refused": "1", "too long": string(make([]byte, MaxHead+1))} {
		b.until("the pause to end", l.probe)
		b.raw.Del(ctx, keys...)
		b.raw.Set(ctx, keys[1], head, time.Hour)
		asked := 0
		lease, taken := l.Wait(ctx, "x", time.Hour, func(context.Context, []byte) bool {
			asked++
			return false
		})
		if taken || what == "refused" && (lease == nil || asked != 1) || what == "too long" && asked != 0 {
			t.Errorf("%s: %v, %v, asked %d times", what, lease, taken, asked)
		}
	}
	for _, body := range []string{"", "12", "1234", string(make([]byte, 1<<20))} {
		b.until("the pause to end", l.probe)
		b.raw.Set(ctx, keys[2], body, time.Hour)
		if got, err := l.Body(ctx, "x", 3); err == nil {
			t.Errorf("%d bytes in place of 3: %q", len(body), got)
		}
	}
}

// Without Redis, or with one that does not answer, no server waits, few calls are made, and its return is found out.
func TestRedisIsGone(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), context.Background()
	l := b.open()
	expectFew := func(what string) {
		t.Helper()
		before := l.Stats().Failures
		for range 1000 {
			if a := l.Ask(ctx, "x"); a.Lease != nil || a.MustWait() {
				t.Fatalf("%s: %+v", what, a)
			}
		}
		if n := l.Stats().Failures - before; n == 0 || n > 20 {
			t.Errorf("%s: %d calls failed", what, n)
		}
		if lease, taken := l.Wait(ctx, "x", time.Hour, nil); lease != nil || taken {
			t.Errorf("%s: %v, %v", what, lease, taken)
		}
	}
	if err := syscall.Kill(b.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	expectFew("stopped")
	if err := syscall.Kill(b.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	b.until("Redis", l.probe)
	b.Kill()
	expectFew("killed")
	b.Start()
	b.until("Redis", l.probe)
	b.until("a lease", func() bool { return l.Ask(ctx, fmt.Sprint(time.Now())).Lease != nil })
}

// No address is told of in an error.
func TestOpenRefusesAddresses(t *testing.T) {
	for _, address := range []string{"", "http://user:secret@h", "redis://user:secret@h:x/0", "nats://h"} {
		if _, err := Open(Config{Address: address}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
