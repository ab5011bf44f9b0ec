package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// parts are what a server is put together from.
type parts struct {
	log     *slog.Logger
	storage *storage
	hidden  proxy.HiddenSources
	cache   *cache.Cache
	cluster *cluster
	leases  *proxy.FillLeases
	pool    *worker.Pool
	server  *proxy.Server
	outlets
	// reloader is there when the server begins to serve.
	reloader *reloader
	formats  *formatsInForce
	// libvips is its version, "" until a worker was probed.
	libvips atomic.Pointer[string]
	// isWarm: what the server before had in memory was read, and not yet written for the next one.
	isWarm atomic.Bool
}

// The governor takes the pool for its workers where it is a Transformer.
var _ memory.Workers = (*worker.Pool)(nil)

var errStarting = errors.New("starting: no worker is ready yet")

// newParts makes them from the ground up, each by its share of the plan. workers are without their number.
func newParts(
	cfg *config.Serve, plan memory.Plan, in *inputs, workers worker.Config, formats *formatsInForce, log *slog.Logger,
) (p *parts, err error) {
	p = &parts{log: log, formats: formats, outlets: outlets{systemd: newNotifier(os.Getenv)}}
	p.notReady.Store(&errStarting)
	p.certificates.use(in.tls)
	fetcher, err := origin.New(fetcherConfig(cfg, in))
	if err != nil {
		return nil, err
	}
	requestLog, err := p.openRequestLog(cfg)
	if err != nil {
		return nil, err
	}
	first, err := newServed(cfg, in, fetcher, requestLog)
	if err != nil {
		return nil, err
	}
	if p.storage, err = openStorage(cfg, plan, log); err != nil {
		return nil, err
	}
	if p.hidden, err = openHidden(cfg, p.storage.waitUntil, log); err != nil {
		return nil, err
	}
	if p.tracer, err = newTracer(in.traces, log); err != nil {
		return nil, err
	}
	shared, sharedSources, err := openCacheBucket(cfg, p.tracer, log)
	if err != nil {
		return nil, err
	}
	if p.cache, err = cache.New(cache.Config{
		MaxBytes: plan.Cache, Lower: p.storage.tiers(), Bucket: shared, Clock: p.storage.clock,
		Pixels: transform.PixelVersion, Classify: proxy.ClassifyError, FillTimeout: cfg.RequestTimeout,
	}); err != nil {
		return nil, err
	}
	if p.cluster, err = joinCluster(cfg, p.storage.clock, p.cache, log); err != nil {
		return nil, err
	}
	if p.leases, err = openLeases(cfg, log); err != nil {
		return nil, err
	}
	most := cfg.Workers
	if most == 0 {
		most = runtime.GOMAXPROCS(0) // a limit that grows may afford more than now
	}
	workers.Size = most
	if p.pool, err = worker.New(workers); err != nil {
		return nil, err
	}
	settings, err := p.serverConfig(cfg, plan, first)
	if err != nil {
		return nil, err
	}
	settings.SourceBucket = sharedSources
	settings.Tracer = p.tracer
	p.server, err = proxy.New(settings)
	return p, err
}

// serverConfig are the server's, over the other parts.
func (p *parts) serverConfig(cfg *config.Serve, plan memory.Plan, first served) (settings proxy.Config, err error) {
	settings = proxy.Config{
		Rules: first.Rules, RuntimeConfig: first.RuntimeConfig, Cache: p.cache, Transformer: p.pool,
		Clock: p.storage.clock, Cluster: p.cluster.joined(), Leases: p.leases,
		Disk: p.storage.results, Sources: p.storage.sources,
		Plan:           serverPlan(plan),
		Formats:        p.formats.access,
		Defer:          deferralOf(&cfg.Deferral),
		Hidden:         p.hidden,
		Ready:          p.checkReady,
		OnIdle:         func() { _, _ = worker.DropPages() }, // where it fails they stay
		FullErrors:     cfg.Dev,
		MetricsToken:   string(cfg.MetricsToken),
		Build:          p.buildInfo,
		Settings:       func() proxy.SettingsStatus { return p.reloader.status() },
		ReloadSettings: func() (proxy.ReloadAnswer, error) { return p.reloader.reload() },
		Log:            p.log,
	}
	shown := studioServer{
		settings: func() config.Serve { return p.reloader.settings() },
		keyring:  func() *signedurl.Keyring { return p.server.KeyringInForce() },
		memory:   func() memory.Report { return p.server.Memory() },
		cache:    p.cache.Stats, pool: p.pool.Stats,
	}
	return settings, shown.addTo(&settings, cfg)
}

func (p *parts) checkReady() error {
	if err := p.notReady.Load(); err != nil {
		return *err
	}
	if err := p.storage.unready(time.Now()); err != nil {
		return err
	}
	return p.pool.Unready()
}

// probeUntilReady asks the first worker what its libvips can do, until one answers. A
// server whose libvips lacks a promised format goes on with the others and
// says so.
func (p *parts) probeUntilReady() {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		c, err := p.pool.Probe(ctx)
		cancel()
		switch {
		case errors.Is(err, worker.ErrClosed):
			return // the server ends
		case err == nil && len(c.Missing()) > 0:
			err = missingFormats(c.Missing())
			p.log.Error("not ready", "err", err)
			p.notReady.Store(&err)
			return
		case err == nil:
			p.formats.found(c.Access())
			p.libvips.Store(&c.Version)
			p.notReady.Store(nil)
			p.systemd.tellReady()
			p.log.Info("ready", "libvips", c.Version, "formats", strings.ReplaceAll(formatNames(c.Save), " ", ","))
			if line := optionalLine(c.Without()); line != "" {
				p.log.Info("formats are missing that need not be there", "missing", line)
			}
			return
		}
		p.log.Error("not ready, trying again", "err", err, "in", pause)
		p.notReady.Store(&err)
		time.Sleep(pause)
	}
}
