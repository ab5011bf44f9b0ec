package proxy

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/cache/leases"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/transform"
)

// strikesOf has two quarantines that share their strikes through a Redis.
func strikesOf(t *testing.T, clock *purge.Clock) (from, to *quarantine) {
	redis := enginetest.Redis(t)
	open := func() *leases.Leases {
		l, err := leases.Open(leases.Config{Address: "redis://" + redis.Address(), Cluster: "test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	teller, listener := open(), open()
	var first, second atomic.Bool
	teller.Hear(func([]byte) { first.Store(true) })
	listener.Hear(func([]byte) { second.Store(true) })
	eventually(t, "listeners", func() bool {
		teller.Tell([]byte("hello"))
		listener.Tell([]byte("hello"))
		return first.Load() && second.Load()
	})
	from, to = newQuarantine(time.Now, clock), newQuarantine(time.Now, clock)
	from.shareWith(teller)
	to.shareWith(listener)
	return from, to
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain for " + what)
}

// What ended workers on one server is refused on another one, until a purge names it.
func TestStrikesOfOtherServersCount(t *testing.T) {
	t.Parallel() // it waits
	clock := noPurges(t)
	from, to := strikesOf(t, clock)
	bad := cacheRequest{identity: "https://example.com/bad.png", key: "bad"}
	other := cacheRequest{identity: "https://example.com/other.png", key: "other"}
	refuses := func(q *quarantine) bool { return errors.Is(q.checkRequest(bad), errQuarantined) }
	from.recordOutcome(bad, 0, transform.ErrMemory, true)
	eventually(t, "one strike", func() bool {
		to.mu.Lock()
		defer to.mu.Unlock()
		return to.suspects.Len() == 1
	})
	if refuses(to) {
		t.Error("refused after one strike")
	}
	to.recordOutcome(bad, 0, transform.ErrCPU, true)
	if !refuses(to) {
		t.Error("not refused after a strike of each server")
	}
	eventually(t, "the strike of the other one", func() bool { return refuses(from) })
	if err := errors.Join(from.checkRequest(other), to.checkRequest(other)); err != nil {
		t.Error(err)
	}
	if _, err := clock.Purge(purge.Soft, []purge.Target{{Kind: purge.Source, Value: bad.identity}}); err != nil {
		t.Fatal(err)
	}
	if refuses(from) || refuses(to) {
		t.Error("refused after a purge")
	}
	from.recordOutcome(bad, 1, transform.ErrCrashed, true)
	eventually(t, "a crash after the purge", func() bool { return refuses(to) })
}

func FuzzStrikeNews(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"key":"%064x","strikes":2,"stamp":{"Order":"x","Seq":1,"Mark":2}}`, 7)))
	f.Add([]byte(`{"key":"00","strikes":-2}`))
	clock := noPurges(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		q := newQuarantine(time.Now, clock)
		q.hearStrike(b)
		if n := q.suspects.Len(); n > 1 {
			t.Errorf("%s: %d suspects", b, n)
		}
	})
}
