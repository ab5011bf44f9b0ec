package proxy

import (
	"context"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/memstat"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// painter is a Transformer without libvips: it gives grey pictures of the
// planned size. One that is told to fail fails.
type painter struct {
	// results counts those of all jobs.
	results atomic.Int64
	looks   atomic.Int64
	fail    func(ctx context.Context) error
	// fat is how many bytes too many its results have.
	fat int
	// formats has results say the format that they were asked for in; their bytes are its name.
	formats bool
	// last is the job that it did last.
	last atomic.Pointer[transform.Job]
}

func (p *painter) Transform(ctx context.Context, job transform.Job, deliver func(int, transform.Picture)) error {
	p.results.Add(int64(len(job.Outputs)))
	p.last.Store(&job)
	if p.fail != nil {
		if err := p.fail(ctx); err != nil {
			return err
		}
	}
	for i, out := range job.Outputs {
		g := transform.NewGeometry(job.Info, out)
		text := ""
		if out.Placeholder.On() {
			text = "text+of/" + out.Placeholder.String()
		}
		if p.formats {
			deliver(i, transform.Picture{Format: out.Format, Width: g.Width, Height: g.Height,
				Body: []byte(out.String()), Placeholder: text})
			continue
		}
		deliver(i, transform.Picture{Format: transform.PNG, Width: g.Width, Height: g.Height, Placeholder: text,
			Body: append(picturetest.PNG(image.NewGray(image.Rect(0, 0, g.Width, g.Height))), make([]byte, p.fat)...)})
	}
	return nil
}

// FindTrim says that a border of ten pixels is all around.
func (p *painter) FindTrim(ctx context.Context, job transform.Job) (transform.Rect, error) {
	p.looks.Add(1)
	if p.fail != nil {
		if err := p.fail(ctx); err != nil {
			return transform.Rect{}, err
		}
	}
	return transform.Rect{Left: 10, Top: 10, Width: job.Info.Width - 20, Height: job.Info.Height - 20}, nil
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
	// handled counts requests that the server has done with.
	handled atomic.Int64
	// header is set on what the origin sends; gate, where there is one, is
	// called before.
	header http.Header
	gate   func(*http.Request)
	// picture is what the origin sends.
	picture []byte
	// chunked keeps the origin from telling a length.
	chunked bool
	// answer, where there is one, answers instead of the origin; see answers.
	answer atomic.Pointer[func(http.ResponseWriter)]
	// elsewhere, unless empty, is the site that sources are at.
	elsewhere string
	// apart gives each path a source of its own.
	apart bool
	// over is closed when the test is, for what is still held.
	over chan struct{}
}

// answers makes the origin answer so from now on; nil for its picture.
func (r *rig) answers(f func(http.ResponseWriter)) {
	if f == nil {
		r.answer.Store(nil)
		return
	}
	r.answer.Store(&f)
}

// unchanged is what an origin says whose picture is still the same.
func unchanged(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) }

// hold makes the origin tell when it is asked, once, and keep its answer back.
func (r *rig) hold() (started, release chan struct{}) {
	started, release = make(chan struct{}), make(chan struct{})
	r.gate = func(*http.Request) {
		close(started)
		select {
		case <-release:
		case <-r.over:
		}
	}
	return started, release
}

// until waits for what takes its time over a real network, on a machine that may
// have other things to do.
func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	for end := time.Now().Add(slow); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatal("never: ", what)
		}
	}
}

var ring = func() *signedurl.Keyring {
	k, err := signedurl.New(signedurl.Config{Pairs: []signedurl.Pair{{Key: []byte("key"), Salt: []byte("salt")}}})
	if err != nil {
		panic(err)
	}
	return k
}()

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// slow is longer than anything takes.
const slow = 5 * time.Minute

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, over: make(chan struct{}), painter: &painter{}, header: http.Header{},
		picture: picturetest.PNG(picturetest.Chart(400, 300))}
	r.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		if r.gate != nil {
			r.gate(req)
		}
		for k, v := range r.header {
			w.Header()[k] = v
		}
		if answer := r.answer.Load(); answer != nil {
			(*answer)(w)
			return
		}
		if r.chunked {
			w.(http.Flusher).Flush()
		}
		w.Write(r.picture)
	}))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	cfg := Config{Rules: Rules{Keyring: ring}, Transformer: r.painter, RuntimeConfig: RuntimeConfig{
		Limits: transform.Limits{MaxPixels: 1e8, MaxOutputSide: 8192}, TTL: sources.TTL{Default: time.Hour, Max: 24 * time.Hour}}}
	cfg.Origin, err = origin.New(origin.Config{AllowNetworks: loopback, Timeout: slow})
	must(err)
	cfg.Clock, err = purge.Open(purge.Config{})
	must(err)
	cfg.Cache, err = cache.New(cache.Config{MaxBytes: 16 << 20, Clock: cfg.Clock, Pixels: transform.PixelVersion,
		Classify: ClassifyError})
	must(err)
	cfg.Plan = memory.Plan{Workers: 2, Fetches: 256, Clients: 1000, Sources: 16 << 20, Transforms: 256 << 20,
		Results: 16 << 20, Cache: 16 << 20}
	if change != nil {
		change(&cfg)
	}
	r.cfg = cfg
	r.server, err = New(cfg)
	must(err)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer r.handled.Add(1)
		r.server.ServeHTTP(w, req)
	}))
	t.Cleanup(func() {
		close(r.over)
		r.Server.Close()
		cfg.Cache.Close()
		r.server.Close()
		if n := r.server.sources.Stats().Open; n != 0 {
			t.Errorf("%d sources are left over", n)
		}
		cfg.Origin.Close()
		r.site.Close()
		b := r.server.memory.Budgets
		for _, b := range []*budget.Budget{
			b.Fetches, b.Workers, b.Sources, b.Transforms, b.Responses, b.SmallResponses, b.Exclusive,
		} {
			if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
				t.Errorf("something is left over: %+v", s)
			}
		}
		if st := r.server.memory.Responses.Stats(); st != (memory.ResponseStats{}) {
			t.Errorf("responses are left over: %+v", st)
		}
		// The last word of a fill may come after its answer.
		if runtime.GOOS == "linux" {
			r.until("all sources are closed", func() bool {
				f, err := memstat.ReadFiles(memfile.Name)
				return err == nil && f.Count == 0
			})
		}
		if n := r.server.sources.FetchStats().Hosts; n != 0 {
			t.Errorf("%d hosts are left over", n)
		}
	})
	return r
}

// path signs a path for the origin's picture or, where sources are apart, for
// one that only these options are asked of.
func (r *rig) path(options string) string {
	if r.apart {
		return r.pathOf(options, "/"+options+"/a.png")
	}
	return r.pathOf(options, "/a.png")
}

// gray is a picture of one colour.
func gray(w, h int) []byte { return picturetest.PNG(image.NewGray(image.Rect(0, 0, w, h))) }

// pathOf signs a path for what the origin has at a path of its own.
func (r *rig) pathOf(options, source string) string {
	site := r.site.URL
	if r.elsewhere != "" {
		site = r.elsewhere
	}
	path := "/" + strings.TrimPrefix(options+"/", "/") + "plain/" + site + source
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
