package proxy

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
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

// pressed is a server whose memory the test makes up, of a limit of 1000 MiB.
type pressed struct {
	*rig
	real, others int64
	now          time.Time
	transforms   int64 // what they may have without pressure
}

func newPressed(t *testing.T) *pressed {
	t.Helper()
	p := &pressed{rig: aloneRig(t), now: time.Now()}
	sh := p.cfg.Shares
	sh.Limit = 1000 << 20
	if err := p.server.Resize(sh); err != nil {
		t.Fatal(err)
	}
	p.server.measure = func() (int64, int64, error) { return p.real, p.others, nil }
	p.transforms = p.server.accounts.transforms.Stats().Capacity
	return p
}

// look lets the server look a second later: at real MiB in use, others of them
// by others.
func (p *pressed) look(real, others int64) {
	p.real, p.others, p.now = real<<20, others<<20, p.now.Add(time.Second)
	p.server.look(p.now)
}

// shares checks what the cache, in MiB, and the transforms, of eight parts,
// may have.
func (p *pressed) shares(when string, cache, eighths int64) {
	p.t.Helper()
	if n := p.cfg.Cache.Stats().MaxBytes >> 20; n != cache {
		p.t.Errorf("%s the cache may have %d MiB", when, n)
	}
	if n := p.server.accounts.transforms.Stats().Capacity; n != p.transforms*eighths/8 {
		p.t.Errorf("%s transforms may have %d of %d", when, n, p.transforms)
	}
}

func (p *pressed) asks(options string, status int) {
	p.t.Helper()
	if resp, body := p.must(p.path(options)); resp.StatusCode != status || status == 503 && resp.Header.Get("Retry-After") == "" {
		p.t.Errorf("%s: %d %.100q", options, resp.StatusCode, body)
	}
}

// Under pressure the cache is smaller at once, large jobs are told to come
// back, small ones are served; and all of it comes back.
func TestPressureReachesTheCacheAndTheTransforms(t *testing.T) {
	p := newPressed(t)
	if err := p.fillCache(7 << 20); err != nil {
		t.Fatal(err)
	}
	p.look(100, 0)
	if s := p.cfg.Cache.Stats(); s.Bytes < 7<<20 {
		t.Errorf("without pressure: %+v", s)
	}
	for range 3 {
		p.look(900, 0)
	}
	p.shares("under pressure", 1, 1)
	if s := p.cfg.Cache.Stats(); s.Bytes > 1<<20 {
		t.Errorf("under pressure the cache has %+v", s)
	}
	p.asks(large, 503)
	p.asks("w:99", 200)
	for range 30 {
		p.look(100, 0)
	}
	p.shares("afterwards", 8, 8)
	p.asks(large, 200)
	p.server.measure = func() (int64, int64, error) { return 1 << 40, 0, errors.New("no figures") }
	p.server.look(p.now)
	p.shares("without figures", 8, 8)
	if s := p.server.pressure.state(); s.Level != 1 || s.Tightened != 3 {
		t.Errorf("%+v", s)
	}
}

// What others in the cgroup take comes out of the cache, down to an eighth,
// and then out of the transforms. Half of the slack, 50 MiB here, is theirs.
func TestOthersTakeFromTheShares(t *testing.T) {
	p := newPressed(t)
	p.look(100, 50)
	p.shares("beside as much as there is room for", 8, 8)
	p.look(100, 50+5)
	p.shares("beside 5 MiB more", 4, 8)
	p.look(100, 50+6) // not worth the while
	p.shares("beside 6 MiB more", 4, 8)
	p.look(100, 800)
	p.shares("beside very much", 1, 1)
	p.asks(large, 503)
	p.look(100, 50)
	p.shares("afterwards", 8, 8)
	p.asks(large, 200)
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
		clock, err := purge.Open(purge.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := cache.New(cache.Config{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		s, err := New(Config{Keyring: ring, Origin: noOrigin(t), Cache: c, Clock: clock, Transformer: &painter{}, Limits: transform.Limits{},
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
