package main

import (
	"io/fs"
	"runtime"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/playground"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/studio"
	"github.com/pictor-proxy/pictor/transform"
)

// studioServer is what the studio shows of the server. The functions are called when it is there.
type studioServer struct {
	// settings are those in force.
	settings func() config.Serve
	keyring  func() *signedurl.Keyring
	memory   func() memory.Report
	cache    func() cache.Stats
	pool     func() transform.PoolStats
}

// addTo makes the studio of operators, which reads alone, and in development the one that signs.
func (s studioServer) addTo(settings *proxy.Config, cfg *config.Serve) (err error) {
	shared := studio.Config{
		Prefix: cfg.Prefix(), Limits: cfg.AllowSecurityOptions, Watermark: cfg.Watermark != "", Figures: s.figures,
	}
	reads, signs := shared, shared
	reads.Explain = func(target string) []studio.Line { return s.explainLines(target, false) }
	if settings.AdminStudio, err = studio.New(reads); err != nil || !cfg.Dev {
		return err
	}
	signs.Explain = func(target string) []studio.Line { return s.explainLines(target, true) }
	signs.Keyring = s.keyring
	signs.Samples, signs.Uploads = sampleSources(), true
	settings.Studio, err = studio.New(signs)
	return err
}

// uploadLimit is how many bytes an image may have that a client sends; 0 for none. In development they need no
// setting: only this machine gets to the server.
func uploadLimit(cfg *config.Serve) int64 {
	if cfg.Dev {
		return int64(cfg.MaxSourceSize)
	}
	return cfg.MaxUpload()
}

// sampleSources names the sample images.
func sampleSources() (names []string) {
	_ = fs.WalkDir(playground.Samples(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, "local:///"+name)
		}
		return err
	})
	return names
}

// explainLines tells what a URL means to this server. Operators do not learn signatures, nor what URLs encrypt: who
// has the admin token has no key by that.
func (s studioServer) explainLines(target string, isDev bool) (lines []studio.Line) {
	e, err := s.newExplainer()
	if err != nil {
		return []studio.Line{{Label: "wrong", Text: err.Error()}}
	}
	secret := !isDev && strings.Contains(target, "/enc/")
	err = e.explainTo(target, func(label, text string) {
		switch {
		case text == "", label == "right" && !isDev:
			return
		case secret && (label == "source" || label == "fetched from" || label == "cache key" || label == "wrong"):
			text = "not shown, as the URL encrypts its source"
		}
		lines = append(lines, studio.Line{Label: label, Text: text})
	})
	code := "ok"
	if err != nil {
		code = "refused"
	}
	return append([]studio.Line{{Label: "result of checks", Text: code}}, lines...)
}

// newExplainer reads URLs by the settings and keys in force.
func (s studioServer) newExplainer() (*explainer, error) {
	cfg := s.settings()
	cfg.AllowNetworks = allowedNetworks(cfg.AllowNetworks, cfg.Dev)
	cmd := explainCmd{Keys: cfg.Keys, Access: cfg.Access, URLs: cfg.URLs, Animations: cfg.Animations,
		Deferral: cfg.Deferral, OfferedFormats: cfg.OfferedFormats, Insecure: cfg.Insecure,
		explainSources: explainSources{cfg.SourceSettings, cfg.Fallback, cfg.CacheBucket}}
	e, err := cmd.newExplainer()
	if err == nil {
		e.ring = s.keyring()
	}
	return e, err
}

// studioFigures are what the studio plots.
type studioFigures struct {
	Memory memory.Report `json:"memory"`
	Cache  struct {
		Hits      uint64 `json:"hits"`
		Misses    uint64 `json:"misses"`
		Stale     uint64 `json:"stale"`
		Collapsed uint64 `json:"collapsed"`
		Entries   int64  `json:"entries"`
		Bytes     int64  `json:"bytes"`
		Max       int64  `json:"max_bytes"`
	} `json:"cache"`
	Workers struct {
		Alive int    `json:"alive"`
		Busy  int    `json:"busy"`
		Most  int    `json:"most"`
		Jobs  uint64 `json:"jobs"`
	} `json:"workers"`
	Go string `json:"go"`
}

// figures reads them. The memory report costs some milliseconds.
func (s studioServer) figures() any {
	f := studioFigures{Memory: s.memory(), Go: runtime.Version()}
	f.Memory.Processes, f.Memory.Sandbox = nil, nil // which the plots do not need
	c := s.cache()
	f.Cache.Hits, f.Cache.Misses = c.Hits, c.Misses
	f.Cache.Stale, f.Cache.Collapsed = c.Stale, c.Collapsed
	f.Cache.Entries, f.Cache.Bytes = c.Entries, c.Bytes
	f.Cache.Max = c.MaxBytes
	pool := s.pool()
	f.Workers.Alive, f.Workers.Jobs = pool.Workers, pool.Jobs
	f.Workers.Busy = pool.Workers - pool.Idle
	for _, a := range f.Memory.Accounts {
		if a.Name == "workers" {
			f.Workers.Most = int(a.Capacity)
		}
	}
	return f
}
