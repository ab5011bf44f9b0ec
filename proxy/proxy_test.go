package proxy

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// painter is a Transformer without libvips: it gives grey pictures of the
// planned size. One that is told to fail fails.
type painter struct {
	jobs atomic.Int64
	fail func(ctx context.Context) error
}

func (p *painter) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	p.jobs.Add(1)
	if p.fail != nil {
		if err := p.fail(ctx); err != nil {
			return err
		}
	}
	for i, out := range job.Outputs {
		g := transform.NewGeometry(job.Info, out)
		deliver(i, transform.Picture{Format: transform.PNG, Width: g.Width, Height: g.Height,
			Body: picturetest.PNG(image.NewGray(image.Rect(0, 0, g.Width, g.Height)))})
	}
	return nil
}

// rig is a whole server but for libvips, before a real origin.
type rig struct {
	*httptest.Server
	t       testing.TB
	server  *Server
	cfg     Config
	painter *painter
	site    *httptest.Server
	asked   atomic.Int64
	// header is set on what the origin sends.
	header http.Header
}

var ring = func() *signedurl.Keyring {
	k, err := signedurl.New(signedurl.Config{Pairs: []signedurl.Pair{{Key: []byte("key"), Salt: []byte("salt")}}})
	if err != nil {
		panic(err)
	}
	return k
}()

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, painter: &painter{}, header: http.Header{}}
	picture := picturetest.PNG(picturetest.Chart(400, 300))
	r.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.asked.Add(1)
		for k, v := range r.header {
			w.Header()[k] = v
		}
		w.Write(picture)
	}))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	cfg := Config{Keyring: ring, Transformer: r.painter, Limits: transform.Limits{MaxPixels: 1e8, MaxOutputSide: 8192}, TTL: TTL{Default: time.Hour, Max: 24 * time.Hour}}
	cfg.Origin, err = origin.New(origin.Config{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	must(err)
	cfg.Cache, err = cache.New(cache.Config{MaxBytes: 16 << 20})
	must(err)
	for into, capacity := range map[**budget.Budget]int64{
		&cfg.Fetches: 64, &cfg.Slots: 2, &cfg.Bodies: 16 << 20, &cfg.Transforms: 256 << 20, &cfg.Sending: 16 << 20,
	} {
		*into, err = budget.New(budget.Config{Capacity: capacity})
		must(err)
	}
	if change != nil {
		change(&cfg)
	}
	r.cfg = cfg
	r.server, err = New(cfg)
	must(err)
	r.Server = httptest.NewServer(r.server)
	t.Cleanup(func() {
		r.Server.Close()
		cfg.Cache.Close()
		cfg.Origin.Close()
		r.site.Close()
		for _, b := range []*budget.Budget{cfg.Fetches, cfg.Slots, cfg.Bodies, cfg.Transforms, cfg.Sending} {
			if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
				t.Errorf("something is left over: %+v", s)
			}
		}
		if n := len(r.server.turns.hosts); n != 0 {
			t.Errorf("%d hosts are left over", n)
		}
	})
	return r
}

// path signs a path for the origin's picture.
func (r *rig) path(options string) string {
	path := "/" + strings.TrimPrefix(options+"/", "/") + "plain/" + r.site.URL + "/a.png"
	return "/" + ring.Sign(path) + path
}

func (r *rig) get(ctx context.Context, path string, header ...string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+path, nil)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.Client().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func (r *rig) must(path string, header ...string) (*http.Response, string) {
	r.t.Helper()
	resp, body, err := r.get(context.Background(), path, header...)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, body
}

func TestMissThenHit(t *testing.T) {
	r := newRig(t, nil)
	first, body := r.must(r.path("w:100"))
	again, body2 := r.must(r.path("width:100/exp:99999999999"))
	if first.StatusCode != 200 || body != body2 || !strings.HasPrefix(again.Header.Get("Cache-Status"), "pictor; hit; ttl=3") {
		t.Errorf("%v, %v", first.Header, again.Header)
	}
	if r.asked.Load() != 1 || r.painter.jobs.Load() != 1 {
		t.Errorf("%d fetches, %d jobs", r.asked.Load(), r.painter.jobs.Load())
	}
}

func TestLeaderLeavesAndTheOthersAreServed(t *testing.T) {
	r := newRig(t, nil)
	started, release := make(chan struct{}), make(chan struct{})
	r.painter.fail = func(context.Context) error { close(started); <-release; return nil }
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.get(ctx, r.path("w:100")) })
	<-started
	for range 20 {
		wg.Go(func() {
			resp, _, err := r.get(context.Background(), r.path("w:100"))
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	for r.cfg.Cache.Stats().Collapsed < 20 {
		time.Sleep(time.Millisecond) // requests come over a real network
	}
	cancel()
	close(release)
	wg.Wait()
	if r.asked.Load() != 1 || r.painter.jobs.Load() != 1 {
		t.Errorf("%d fetches, %d jobs", r.asked.Load(), r.painter.jobs.Load())
	}
}

func TestWorkUnderWayIsFinishedAndKept(t *testing.T) {
	r := newRig(t, nil)
	started, release := make(chan struct{}), make(chan error)
	r.painter.fail = func(ctx context.Context) error { close(started); <-release; return ctx.Err() }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.get(ctx, r.path("w:100")); close(done) }()
	<-started
	cancel()
	<-done
	for r.cfg.Cache.Stats().Flights > 0 {
		time.Sleep(time.Millisecond) // until the server has seen the client leave
	}
	close(release)
	for r.cfg.Transforms.Stats().InUse > 0 {
		time.Sleep(time.Millisecond)
	}
	r.painter.fail = nil
	if resp, _ := r.must(r.path("w:100")); !strings.Contains(resp.Header.Get("Cache-Status"), "hit") {
		t.Errorf("the finished work was thrown away: %v", resp.Header)
	}
}

func TestShed(t *testing.T) {
	b, err := budget.New(budget.Config{Capacity: 256 << 20, MaxWait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Transforms = b })
	g, err := b.TryAcquire(256 << 20)
	if err != nil {
		t.Fatal(err)
	}
	resp, body := r.must(r.path("w:100"))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.HasPrefix(body, "shed: ") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, body)
	}
	g.Release()
	if resp, body := r.must(r.path("w:100")); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d %q", resp.StatusCode, body)
	}
}

func TestWhatNeverFits(t *testing.T) {
	small := func(n int64) *budget.Budget {
		b, err := budget.New(budget.Config{Capacity: n})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, change := range map[string]func(*Config){
		"transform": func(c *Config) { c.Transforms = small(1 << 20) },
		"body":      func(c *Config) { c.Bodies = small(100) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, change)
			resp, body := r.must(r.path("w:100"))
			if resp.StatusCode != 422 || !strings.HasPrefix(body, "too-large: ") || !strings.Contains(body, "MiB") {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			if r.painter.jobs.Load() != 0 {
				t.Error("a job was tried")
			}
		})
	}
}

func TestErrorsTellNothingOfTheInside(t *testing.T) {
	r := newRig(t, nil)
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("secret: disk /dev/x at 10.0.0.1"), 500, "internal"},
		{fmt.Errorf("%w: secret", transform.ErrTimeout), 504, "transform-timeout"},
		{fmt.Errorf("%w: secret", transform.ErrCrashed), 422, "crashed"},
		{fmt.Errorf("%w: its data cannot be decoded", transform.ErrMalformed), 422, "broken-picture"},
		{context.DeadlineExceeded, 504, "timeout"},
	} {
		r.painter.fail = func(context.Context) error { return tc.err }
		resp, body := r.must(r.path("w:100"))
		if resp.StatusCode != tc.status || !strings.HasPrefix(body, tc.code+": ") || strings.Contains(body, "secret") || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %v %q", tc.err, resp.StatusCode, resp.Header, body)
		}
	}
	r.painter.fail = func(context.Context) error { panic("secret") }
	if resp, body := r.must(r.path("w:100")); resp.StatusCode != 500 || strings.Contains(body, "secret") {
		t.Errorf("a panic: %d %q", resp.StatusCode, body)
	}
	r.painter.fail = nil
	if resp, _ := r.must(r.path("w:100")); resp.StatusCode != 200 {
		t.Error("an error was kept")
	}
}

func TestFullErrorsInDevelopment(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FullErrors = true })
	r.painter.fail = func(context.Context) error { return errors.New("the cause") }
	if _, body := r.must(r.path("w:100")); !strings.Contains(body, "the cause") {
		t.Errorf("%q", body)
	}
}

// Every code is documented, and no code has two meanings.
func TestEveryErrorIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, status := string(b), map[string]int{}
	for _, f := range append(failures, internal, classify(echo.ErrMethodNotAllowed), classify(echo.ErrNotFound)) {
		if !strings.Contains(doc, "`"+f.code+"`") {
			t.Errorf("%s is not in docs/errors.md", f.code)
		}
		if before, ok := status[f.code]; ok && before != f.status {
			t.Errorf("%s is %d and %d", f.code, before, f.status)
		}
		status[f.code] = f.status
	}
}

func TestFreshnessOfAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, cacheControl, options, want string
		kept                              bool
	}{
		{"nothing said", "", "w:1", "public, max-age=3600", true},
		{"by the origin", "max-age=120", "w:2", "public, max-age=120", true},
		{"bounded", "max-age=999999999", "w:3", "public, max-age=86400", true},
		{"no-cache", "no-cache", "w:4", "no-cache", false},
		{"private", "private", "w:5", "private, no-store", false},
		{"private with a cache buster", "private", "w:5/cb:1", "private, no-store", false},
		{"cache buster", "max-age=1", "w:6/cb:1", "public, max-age=31536000, immutable", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Now().Truncate(time.Second)
			r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
			if tc.cacheControl != "" {
				r.header.Set("Cache-Control", tc.cacheControl)
			}
			resp, _ := r.must(r.path(tc.options))
			if got := resp.Header.Get("Cache-Control"); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
			again, _ := r.must(r.path(tc.options))
			if kept := strings.Contains(again.Header.Get("Cache-Status"), "hit"); kept != tc.kept {
				t.Errorf("kept %v: %v", kept, again.Header)
			}
		})
	}
}

// RFC 9110 §13.1.2, §13.1.3 and §13.2.2.
func TestConditionalRequests(t *testing.T) {
	r := newRig(t, nil)
	r.header.Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
	first, _ := r.must(r.path("w:100"))
	etag := first.Header.Get("ETag")
	if first.Header.Get("Last-Modified") != "Wed, 21 Oct 2015 07:28:00 GMT" {
		t.Error(first.Header)
	}
	for _, tc := range []struct {
		name   string
		header []string
		status int
	}{
		{"the very tag", []string{"If-None-Match", etag}, 304},
		{"weakened on the way", []string{"If-None-Match", "W/" + etag}, 304},
		{"in a list", []string{"If-None-Match", `"a", ` + etag + `,"b"`}, 304},
		{"any", []string{"If-None-Match", "*"}, 304},
		{"another", []string{"If-None-Match", `"a"`}, 200},
		{"since then", []string{"If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"}, 304},
		{"since before", []string{"If-Modified-Since", "Wed, 21 Oct 2015 07:27:59 GMT"}, 200},
		{"no date", []string{"If-Modified-Since", "yesterday"}, 200},
		{"the tag has precedence", []string{"If-None-Match", `"a"`, "If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"}, 200},
		{"no-cache of a client makes no work", []string{"Cache-Control", "no-cache"}, 200},
	} {
		resp, body := r.must(r.path("w:100"), tc.header...)
		if resp.StatusCode != tc.status || (tc.status == 304) != (body == "") || resp.Header.Get("ETag") != etag || resp.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: %d %v", tc.name, resp.StatusCode, resp.Header)
		}
	}
	if r.asked.Load() != 1 {
		t.Errorf("%d fetches", r.asked.Load())
	}
}

func TestReadiness(t *testing.T) {
	var missing error
	r := newRig(t, func(c *Config) { c.Ready = func() error { return missing } })
	want := func(path string, status int) {
		t.Helper()
		if resp, body := r.must(path); resp.StatusCode != status {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
	want("/health/ready", 200)
	missing = errors.New("no AVIF")
	want("/health/ready", 503)
	want("/health", 200)
	missing = nil
	r.server.Drain()
	want("/health/ready", 503)
	want("/health/live", 200)
}

func TestASourceThatIsNotAllowedIsNotFetched(t *testing.T) {
	r := newRig(t, nil)
	path := "/plain/file:///etc/passwd"
	if resp, body := r.must("/" + ring.Sign(path) + path); resp.StatusCode != 403 || !strings.HasPrefix(body, "source-not-allowed: ") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

// What a hit costs: the whole handler, without a network.
func BenchmarkHit(b *testing.B) {
	r := newRig(b, nil)
	path := r.path("w:100")
	r.must(path)
	req := httptest.NewRequest(http.MethodGet, path, nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		r.server.ServeHTTP(w, req)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
