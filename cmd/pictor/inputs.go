package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/playground"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// inputs are what settings of serve lead to beyond themselves: what is parsed by
// the packages whose it is, and the files that they name.
type inputs struct {
	requests proxy.Rules
	thumbor  *thumbor.Dialect
	// autoFormats are negotiated, the preferred one first; access is what may be read and written.
	autoFormats []transform.Format
	access      transform.FormatAccess
	sourceInputs
	cdn   proxy.CDN
	local fs.StatFS
	// fallback are images in place of errors, of which images has those that are no source elsewhere.
	fallback proxy.Fallback
	images   map[string][]byte
	// watermark is nil where none is configured.
	watermark *proxy.Watermark
	// tls is nil for a server without TLS.
	tls    *tlsFiles
	traces config.Traces
}

// sourceInputs say where sources are, which may be fetched, and how.
type sourceInputs struct {
	rewrites origin.Rewrites
	rules    []origin.SourceRule
	accounts []origin.Account
	origins  []origin.Settings
}

// readInputs has no side effect but open files. Its errors are config.ErrSetting.
func readInputs(cfg *config.Serve) (*inputs, error) {
	in, err := parseInputs(cfg)
	if err == nil {
		in.local, err = localFiles(cfg)
	}
	if err == nil {
		in.accounts, err = openAccounts(&cfg.Buckets)
	}
	if err == nil {
		in.watermark, err = loadWatermark(cfg.Watermark)
	}
	if err == nil {
		in.fallback, in.images, err = loadFallback(&cfg.Fallback)
	}
	if err == nil {
		in.traces, err = config.ReadTraces(os.Getenv)
	}
	return in, config.Invalid(err)
}

func parseInputs(cfg *config.Serve) (in *inputs, err error) {
	in = &inputs{}
	if in.requests, err = readRules(cfg); err != nil {
		return nil, err
	}
	if in.tls, err = readTLS(&cfg.TLS); err != nil {
		return nil, err
	}
	if in.thumbor, err = thumborDialect(&cfg.Thumbor); err != nil {
		return nil, err
	}
	if _, err = mountsOf(mountSettings{&cfg.URLs, cfg.BaseURL, cfg.NextjsBase(), cfg.Insecure}); err != nil {
		return nil, err
	}
	if _, err = imaginaryDialect(cfg); err != nil {
		return nil, err
	}
	if in.rewrites, in.rules, err = readSources(&cfg.SourceSettings); err != nil {
		return nil, err
	}
	if in.origins, err = readOrigins(&cfg.SourceSettings, in.rewrites.Aliases); err != nil {
		return nil, err
	}
	if in.access, err = formatAccess(cfg.FormatNames()); err != nil {
		return nil, err
	}
	if in.autoFormats, err = autoFormats(cfg.AutoFormatNames()); err != nil {
		return nil, err
	}
	if cfg.CDN != "" {
		var ok bool
		if in.cdn, ok = proxy.ParseCDN(cfg.CDN); !ok {
			return nil, fmt.Errorf("--cdn is %q: set it to cloudflare, fastly, cloudfront, nginx or varnish, or "+
				"leave it out", cfg.CDN)
		}
	}
	return in, nil
}

func (in *inputs) close() {
	if in.watermark != nil {
		in.watermark.Source.Close()
	}
}

// thumborDialect is nil where it is not served.
func thumborDialect(t *config.Thumbor) (*thumbor.Dialect, error) {
	if !t.ThumborOn() {
		return nil, nil
	}
	flavor, ok := thumbor.ParseFlavor(t.ThumborFlavor)
	if !ok {
		return nil, fmt.Errorf("--thumbor-flavor is %q: set it to thumbor or imagor", t.ThumborFlavor)
	}
	d, err := thumbor.New(thumbor.Config{
		Keys: t.ThumborKeys(), Hash: t.ThumborHash, Truncate: t.ThumborTruncate, Unsafe: t.ThumborUnsafe,
		Flavor: flavor,
	})
	if err != nil {
		return nil, fmt.Errorf("--thumbor-…: %w", err)
	}
	return d, nil
}

// readSources reads where sources are, and which may be fetched.
func readSources(cfg *config.SourceSettings) (r origin.Rewrites, rules []origin.SourceRule, err error) {
	r.Base = cfg.BaseURL
	if r.Aliases, err = cfg.Aliases(); err != nil {
		return r, nil, err
	}
	if r.Prefixes, err = cfg.Rewrites(); err != nil {
		return r, nil, err
	}
	rules, err = sourceRules("--allow-sources", cfg.AllowedSources())
	return r, rules, err
}

// formatAccess reads --formats.
func formatAccess(entries []string) (access transform.FormatAccess, err error) {
	if len(entries) == 0 {
		return transform.AllFormats(), nil
	}
	for _, entry := range entries {
		name, way, limited := strings.Cut(entry, ":")
		f, ok := transform.ParseFormat(name)
		if !ok || limited && way != "in" && way != "out" {
			return access, fmt.Errorf("--formats has %q: write names such as jpg, or heic:in and avif:out for "+
				"one that is only read or only written", entry)
		}
		can := transform.AllFormats()
		reads, writes := can.Read.Has(f), can.Write.Has(f)
		switch {
		case way == "in" && !reads:
			return access, fmt.Errorf("--formats has %q: pictor does not read %s", entry, f.Title())
		case way == "out" && !writes:
			return access, fmt.Errorf("--formats has %q: pictor does not write %s", entry, f.Title())
		}
		if reads && way != "out" {
			access.Read |= 1 << f
		}
		if writes && way != "in" {
			access.Write |= 1 << f
		}
	}
	switch {
	case access.Read == 0:
		return access, errors.New("--formats has nothing to read: add a format, such as jpg")
	case !access.Write.Has(transform.JPEG) || !access.Write.Has(transform.PNG):
		return access, errors.New("--formats must have jpg and png to write: they are given where a client accepts " +
			"nothing else")
	}
	return access, nil
}

// autoFormats reads --auto-formats.
func autoFormats(names []string) ([]transform.Format, error) {
	var out []transform.Format
	for _, name := range names {
		f, ok := transform.ParseOutput(name)
		if !ok {
			return nil, fmt.Errorf("--auto-formats: %q is not a format of results: use some of %s", name,
				transform.FormatNames(transform.Outputs))
		}
		out = append(out, f)
	}
	return out, nil
}

// allowedNetworks are those that sources may live in although they are not public.
func allowedNetworks(configured config.Prefixes, isDev bool) config.Prefixes {
	list := append(config.Prefixes(nil), configured...)
	if isDev {
		list = append(list, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	return list
}

// localFiles is where local:/// leads: the configured directory, out of which no
// link leads, and in development the playground's samples before it.
func localFiles(cfg *config.Serve) (fs.StatFS, error) {
	var layers overlay
	if cfg.Dev {
		layers = append(layers, embedded{playground.Samples()})
	}
	if cfg.LocalRoot != "" {
		root, err := os.OpenRoot(cfg.LocalRoot)
		if err != nil {
			return nil, fmt.Errorf("--local-root cannot be opened: %w", err)
		}
		layers = append(layers, origin.RegularFiles(root))
	}
	if len(layers) == 0 {
		return nil, nil
	}
	return layers, nil
}

// embedded are files that are part of the program, which can be opened to look
// at them.
type embedded struct{ fs.FS }

func (e embedded) Stat(name string) (fs.FileInfo, error) { return fs.Stat(e.FS, name) }

// overlay looks a file up in several places, the first one that has it counts.
// Its Stat is that of the layers: without one fs.Stat would open the file.
type overlay []fs.StatFS

func (o overlay) Open(name string) (fs.File, error) {
	return inLayers(o, "open", name, fs.StatFS.Open)
}

func (o overlay) Stat(name string) (fs.FileInfo, error) {
	return inLayers(o, "stat", name, fs.StatFS.Stat)
}

func inLayers[T any](o overlay, op, name string, find func(fs.StatFS, string) (T, error)) (found T, err error) {
	err = &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	for _, layer := range o {
		if found, err = find(layer, name); !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return found, err
}
