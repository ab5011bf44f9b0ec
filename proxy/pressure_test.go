package proxy

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

func TestPressureTightensAtOnceAndLoosensSlowly(t *testing.T) {
	var p pressure
	now := time.Unix(1e9, 0)
	at := func(after time.Duration, real int64, want float64, wantShort bool) {
		t.Helper()
		now = now.Add(after)
		if level, short := p.sample(real, 0, 1000, now); level != want || short != wantShort {
			t.Errorf("%d of 1000: level %v, short %v; want %v, %v", real, level, short, want, wantShort)
		}
	}
	const look = 250 * time.Millisecond
	at(0, 850, 1, false)
	at(look, 851, 0.5, true)
	at(look, 900, 0.25, true)
	at(look, 900, 0.125, true)
	at(look, 900, 0.125, true)  // something is always served
	at(look, 800, 0.125, false) // between the marks nothing changes
	at(10*time.Second, 760, 0.125, false)
	at(look, 749, 0.125, false)
	at(1700*time.Millisecond, 700, 0.125, false)
	at(2*look, 700, 0.1875, false)
	at(look, 700, 0.1875, false) // a second between steps
	at(time.Second, 700, 0.28125, false)
	at(look, 755, 0.28125, false) // the calm begins anew
	at(1500*time.Millisecond, 700, 0.28125, false)
	for range 4 {
		now = now.Add(3 * time.Second)
		p.sample(700, 0, 1000, now)
	}
	at(0, 0, 1, false)
	if s := p.state(); s.Level != 1 || s.Tightened != 3 || s.High != 850 || s.Low != 750 {
		t.Errorf("%+v", s)
	}
	var none pressure
	if s := none.state(); s.Level != 1 {
		t.Errorf("before the first look: %+v", s)
	}
	if level, short := none.sample(1<<40, 0, 0, now); level != 1 || short {
		t.Errorf("without a limit: %v, %v", level, short)
	}
}

func TestRestIsOverOnceAfterWork(t *testing.T) {
	var r rest
	now := time.Unix(1e9, 0)
	over := func(after time.Duration, busy bool, activity int64, want bool) {
		t.Helper()
		now = now.Add(after)
		if got := r.over(now, busy, activity); got != want {
			t.Errorf("after %v more, busy %v, activity %d: %v", after, busy, activity, got)
		}
	}
	over(0, false, 0, false)
	over(quietFor, false, 0, true) // what the start left behind
	over(time.Hour, false, 0, false)
	over(time.Second, true, 1, false)
	over(time.Hour, true, 1, false)
	over(time.Second, false, 1, false)
	over(quietFor, false, 1, true)
	over(quietFor, false, 1, false)
	over(time.Second, false, 2, false) // a fill between two looks
	over(quietFor-1, false, 2, false)
	over(1, false, 2, true)
	over(time.Second, true, 2, false) // one that goes on for long
	over(time.Second, false, 2, false)
	over(quietFor, false, 2, true)
}

// Under pressure the cache is smaller at once, large jobs are told to come
// back, small ones are served; and all of it comes back.
func TestPressureReachesTheCacheAndTheTransforms(t *testing.T) {
	r := aloneRig(t)
	sh := r.cfg.Shares
	sh.Limit = 1000 << 20
	if err := r.server.Resize(sh); err != nil {
		t.Fatal(err)
	}
	var real, others int64
	r.server.measure = func() (int64, int64, error) { return real, others, nil }
	if err := r.fillCache(7 << 20); err != nil {
		t.Fatal(err)
	}
	transforms := r.server.accounts.transforms.Stats().Capacity
	now := time.Now()
	look := func(n int64, after time.Duration) {
		real, now = n<<20, now.Add(after)
		r.server.look(now)
	}
	look(100, 0)
	if s := r.cfg.Cache.Stats(); s.Bytes < 7<<20 {
		t.Errorf("without pressure: %+v", s)
	}
	for range 3 {
		look(900, time.Second)
	}
	if s := r.cfg.Cache.Stats(); s.MaxBytes != 1<<20 || s.Bytes > 1<<20 {
		t.Errorf("under pressure the cache has %+v", s)
	}
	if n := r.server.accounts.transforms.Stats().Capacity; n != transforms/8 {
		t.Errorf("under pressure transforms may have %d of %d", n, transforms)
	}
	if resp, body := r.must(r.path(large)); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a large one: %d %.100q", resp.StatusCode, body)
	}
	if resp, body := r.must(r.path("w:99")); resp.StatusCode != 200 {
		t.Errorf("a small one: %d %.100q", resp.StatusCode, body)
	}
	for range 30 {
		look(100, time.Second)
	}
	if s := r.cfg.Cache.Stats(); s.MaxBytes != 8<<20 {
		t.Errorf("afterwards the cache may have %d", s.MaxBytes)
	}
	if n := r.server.accounts.transforms.Stats().Capacity; n != transforms {
		t.Errorf("afterwards transforms may have %d of %d", n, transforms)
	}
	if resp, body := r.must(r.path(large + "/q:3")); resp.StatusCode != 200 {
		t.Errorf("a large one afterwards: %d %.100q", resp.StatusCode, body)
	}
	// Others take the cache, down to an eighth, and then from the transforms.
	others = (50 + 5) << 20 // 50 MiB are half of the slack
	look(100, time.Second)
	if s := r.cfg.Cache.Stats(); s.MaxBytes > 5<<20 || s.MaxBytes < 4<<20 {
		t.Errorf("beside 5 MiB of others the cache may have %d", s.MaxBytes)
	}
	others = 1 << 30
	look(100, time.Second)
	if s, n := r.cfg.Cache.Stats(), r.server.accounts.transforms.Stats().Capacity; s.MaxBytes != 1<<20 || n != transforms/8 {
		t.Errorf("beside 1 GiB of others the cache may have %d, transforms %d of %d", s.MaxBytes, n, transforms)
	}
	if resp, body := r.must(r.path(large + "/q:4")); resp.StatusCode != 503 {
		t.Errorf("a large one beside others: %d %.100q", resp.StatusCode, body)
	}
	others = 0
	look(100, time.Second)
	if s, n := r.cfg.Cache.Stats(), r.server.accounts.transforms.Stats().Capacity; s.MaxBytes != 8<<20 || n != transforms {
		t.Errorf("without others the cache may have %d, transforms %d of %d", s.MaxBytes, n, transforms)
	}
	r.server.measure = func() (int64, int64, error) { return 0, 0, errors.New("no figures") }
	r.server.look(now) // changes nothing
	if s := r.server.pressure.state(); s.Level != 1 || s.Tightened != 3 {
		t.Errorf("%+v", s)
	}
}

func noOrigin(t *testing.T) *origin.Fetcher {
	t.Helper()
	f, err := origin.New(origin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Watch ends with its context, and gives back after work.
func TestWatchGivesBackAfterWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := cache.New(cache.Config{})
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		s, err := New(Config{Keyring: ring, Origin: noOrigin(t), Cache: c, Transformer: &painter{}, Limits: transform.Limits{},
			Shares:   Shares{Workers: 1, Fetches: 1, Connections: 1, Bodies: 1, Sending: 1, Transforms: 1},
			LimitFor: func(n int64) int64 { return n }, LimitForSource: func(n int64) int64 { return n }, Quiet: func() { given++ }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		go s.Watch(ctx)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if given != 1 {
			t.Errorf("given back %d times after the start", given)
		}
		s.activity.Add(1)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if given != 2 {
			t.Errorf("given back %d times after work", given)
		}
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		if given != 2 {
			t.Errorf("given back %d times without work", given)
		}
	})
}

// The server's figures are there, and its parts are the total, also without
// workers in other processes.
func TestMemoryOfTheServer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel gives no figures here")
	}
	r := newRig(t, func(c *Config) { c.Shares.Limit, c.Shares.Plan = 1<<30, []Part{{"all", 1 << 30}} })
	started, release := r.hold()
	done := make(chan struct{})
	go func() { defer close(done); r.get(context.Background(), r.path("w:10")) }()
	<-started
	m := r.server.Memory()
	close(release)
	<-done
	if m.Total == 0 || m.Problem != "" || m.Sources.Count != 1 || len(m.Processes) != 1 || m.Processes[0].Kind != "server" || m.Limit != 1<<30 || len(m.Plan) != 1 {
		t.Errorf("%+v", m)
	}
	if d := float64(m.Sum)/float64(m.Total) - 1; d > 0.1 || d < -0.1 {
		t.Errorf("parts sum to %d of %d", m.Sum, m.Total)
	}
	var fetches Account
	for _, a := range m.Accounts {
		if a.Name == "fetches" {
			fetches = a
		}
	}
	if fetches.InUse != 1 || fetches.Capacity != 256 {
		t.Errorf("%+v", fetches)
	}
}
