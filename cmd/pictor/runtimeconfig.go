package main

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// served is what requests are answered by, as settings have it: what a reload exchanges in the server.
type served struct {
	proxy.Rules
	proxy.RuntimeConfig
}

// newServed makes it, over a fetcher by the same settings.
func newServed(cfg *config.Serve, in *inputs, fetcher *origin.Fetcher, log proxy.RequestLog) (f served, err error) {
	if err = checkFallback(in.fallback, fetcher); err != nil {
		return f, config.Invalid(err)
	}
	f.Rules = in.requests
	if f.Mounts, err = allMounts(cfg, in.requests, fetcher); err != nil {
		return f, config.Invalid(err)
	}
	f.RuntimeConfig = proxy.RuntimeConfig{
		PathPrefix: cfg.Prefix(), ThumborPath: cfg.ThumborRoot(), Thumbor: in.thumbor, Origin: fetcher,
		SourceKeyIgnore: cfg.IgnoredParameters(), QueueWait: cfg.QueueWait, Limits: limitsOf(cfg),
		AutoFormats:         in.autoFormats,
		AllowSVGPassthrough: cfg.AllowSVGPassthrough, AllowSecurityOptions: cfg.AllowSecurityOptions,
		MaxUpload: uploadLimit(cfg), Fallback: in.fallback, Watermark: in.watermark,
		TTL: sources.TTL{Default: cfg.TTL, Min: cfg.TTLMin, Max: cfg.TTLMax,
			StaleWhile: cfg.StaleWhileRevalidate, StaleError: cfg.StaleIfError},
		CDN: in.cdn, BrowserTTL: cfg.BrowserTTL, RequestTimeout: cfg.RequestTimeout, RequestLog: log,
	}
	f.HashKey, err = hashKey(&cfg.SourceHash, in.requests.Keyring)
	return f, err
}

// checkFallback refuses fallback images that no request could get.
func checkFallback(f proxy.Fallback, fetcher *origin.Fetcher) error {
	for _, source := range []string{f.Missing, f.Failed, f.Undecodable} {
		if source == "" {
			continue
		}
		if err := fetcher.Permits(source); err != nil {
			return fmt.Errorf("the fallback image %s: %w", source, err)
		}
	}
	return nil
}

// formatsInForce are the formats that may be read and written: those that the settings allow, and of them, once a
// worker was probed, those that its libvips can.
type formatsInForce struct {
	// confined says that the sandbox confines what draws an SVG, and fonts that workers started so that they can.
	confined, fonts bool

	mu      sync.Mutex
	allowed transform.FormatAccess
	can     *transform.FormatAccess
}

// newFormats makes it for a server that starts.
func newFormats(cfg *config.Serve, access transform.FormatAccess, confined bool, log *slog.Logger) *formatsInForce {
	f := &formatsInForce{confined: confined}
	f.allowed = f.allowedBy(cfg, access)
	if f.allowed != access {
		log.Warn("SVG is not read because the sandbox is incomplete: --formats turns it on")
	}
	f.fonts = f.allowed.Read.Has(transform.SVG)
	return f
}

// allowedBy is what settings allow, of which SVG is a part only where it is confined or asked for.
func (f *formatsInForce) allowedBy(cfg *config.Serve, access transform.FormatAccess) transform.FormatAccess {
	if len(cfg.FormatNames()) == 0 && !f.confined {
		access.Read &^= 1 << transform.SVG
	}
	return access
}

// allow puts other settings in force.
func (f *formatsInForce) allow(access transform.FormatAccess) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allowed = access
}

// found says what a libvips can.
func (f *formatsInForce) found(can transform.FormatAccess) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.can = &can
}

// access is what may be read and written now.
func (f *formatsInForce) access() transform.FormatAccess {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.can == nil {
		return f.allowed
	}
	return f.allowed.And(*f.can)
}
