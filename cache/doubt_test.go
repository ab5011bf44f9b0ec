package cache

import (
	"context"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/cache/purge/bus"
)

// A server that cannot hear of purges serves as its policy says. Its bus is where nothing listens.
func TestEntriesInDoubt(t *testing.T) {
	for _, test := range []struct {
		policy purge.Doubt
		stale  time.Duration
		want   Outcome
		body   string
	}{
		{purge.Serve, time.Hour, Hit, "old"},
		{purge.Serve, 0, Hit, "old"},
		{purge.ServeStale, time.Hour, Stale, "old"},
		{purge.ServeStale, 0, Expired, "new"},
		{purge.Revalidate, time.Hour, Bypassed, "new"},
		{purge.Revalidate, 0, Bypassed, "new"},
	} {
		t.Run(test.policy.String(), func(t *testing.T) {
			clock, err := purge.Open(purge.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer clock.Close()
			c := newCache(t, Config{MaxBytes: 1 << 20, Clock: clock})
			old := newEntry("k", "old", time.Hour)
			old.StaleWhile = test.stale
			if e, _, err := c.Get(context.Background(), "k", makes(old)); err != nil || string(e.Body) != "old" {
				t.Fatal(err)
			}
			if _, o, _ := c.Get(context.Background(), "k", makes(old)); o != Hit {
				t.Fatalf("before the doubt: %v", o)
			}
			nowhere, err := bus.Open("redis://127.0.0.1:1", "x")
			if err != nil {
				t.Fatal(err)
			}
			defer nowhere.Close()
			g, err := purge.Join(clock, nowhere, purge.ClusterConfig{Server: "s", Policy: test.policy})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if _, ok := c.GetFromRAM("k"); ok && test.want != Hit {
				t.Error("a hit out of RAM")
			}
			for range 2 { // what was made in doubt is no better
				e, o, err := c.Get(context.Background(), "k", makes(newEntry("k", "new", time.Hour)))
				if err != nil || o != test.want || string(e.Body) != test.body {
					t.Errorf("%s, %v, %v, want %s, %v", e.Body, o, err, test.body, test.want)
				}
				if test.want == Stale {
					break // it is being made anew
				}
			}
		})
	}
}
