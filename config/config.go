package config

import (
	"log/slog"
	"strings"
	"time"
)

// File names the YAML file. Embed it in each command that reads settings:
// the file is read only where its flag exists.
type File struct {
	Config string `help:"YAML file with settings: the flags without their dashes as keys." placeholder:"FILE" reload:"no"`
}

// Worker is the setting of commands that start the program of workers.
type Worker struct {
	WorkerCommand string `help:"Program of worker processes. Default: pictor-worker in the directory of pictor." placeholder:"FILE" group:"Workers" reload:"no"`
}

// Keys are the settings that sign and verify; commands that mint URLs embed
// them too.
type Keys struct {
	Key           Secret `help:"Signing keys in hexadecimal, comma-separated. The first one signs, all of them verify." placeholder:"HEX,..." group:"Signing" reload:"yes"`
	KeyFile       string `help:"File with the keys, instead of --key." placeholder:"FILE" group:"Signing" reload:"yes"`
	Salt          Secret `help:"Salts in hexadecimal, one per key, in the same order." placeholder:"HEX,..." group:"Signing" reload:"yes"`
	SaltFile      string `help:"File with the salts, instead of --salt." placeholder:"FILE" group:"Signing" reload:"yes"`
	SignatureSize int    `help:"Bytes of a signature, 8 to 32. Signatures of another length are refused." default:"32" placeholder:"32" group:"Signing" reload:"yes"`
}

// Serve is every setting of the server. Kong fills it (see Sources); KeyFile
// and SaltFile are then set only where the flag was given, while Key and Salt
// hold the content whichever way it came.
type Serve struct {
	// Listen is empty where it was not set; Address has the default.
	Listen string `help:"Address and port to serve on. Default: :8080, with --dev 127.0.0.1:8080." placeholder:":8080" group:"Server" reload:"no"`
	// AdminListen is empty where it was not set; AdminAddress has the default.
	AdminListen      string `help:"Address and port of /metrics, /purge, /warm, /sources, /reload and /debug/memory, or off. Default: 127.0.0.1:8081, if it is free." placeholder:"127.0.0.1:8081" group:"Server" reload:"no"`
	AdminToken       Secret `help:"Bearer token for the admin port. All its paths ask for it. Must be set unless --admin-listen is a loopback address." placeholder:"TEXT" group:"Server" reload:"no"`
	AdminTokenFile   string `help:"File with the token, instead of --admin-token." placeholder:"FILE" group:"Server" reload:"no"`
	MetricsToken     Secret `help:"Bearer token for /metrics alone, for Prometheus. /metrics accepts --admin-token, too." placeholder:"TEXT" group:"Server" reload:"no"`
	MetricsTokenFile string `help:"File with the token, instead of --metrics-token." placeholder:"FILE" group:"Server" reload:"no"`
	TLS
	Dev bool `help:"Try pictor out: loopback only, a temporary key, full errors, the studio, and cache and state directories of its own." group:"Server" reload:"no"`

	File

	Keys
	Access
	URLs
	Insecure bool `help:"Accept any signature: anyone can request any image." group:"Signing" reload:"yes"`

	// MemoryLimit is 0 where it is to be found (FindLimit), in bytes.
	MemoryLimit Bytes `help:"Memory that all processes of pictor may use together, like 512MiB. Default: the limit of the container, else three quarters of the memory of the machine." placeholder:"SIZE" group:"Memory" reload:"no"`
	// Workers is 0 for as many as there are processors and the Plan affords.
	Workers     int       `help:"Worker processes, 1 to 256. 0: one per processor, as far as the memory limit allows." default:"0" placeholder:"N" group:"Memory" reload:"no"`
	WorkerJobs  int       `help:"Jobs of a worker process before it is replaced by a new one. 1: no process ever sees two images. Each start takes some CPU time." default:"1000" placeholder:"N" group:"Memory" reload:"no"`
	CacheMemory CacheSize `help:"Size of the memory cache, like 64MiB, or off. Default: a share of the memory limit." placeholder:"SIZE" group:"Memory" reload:"no"`

	Worker
	// Sandbox is auto, require or off.
	Sandbox string `help:"Sandbox of worker processes: auto uses what the system offers, require refuses to start where a layer is missing, off uses none." default:"auto" placeholder:"auto" group:"Workers" reload:"no"`

	// CacheDir and StateDir are empty where they were not set; CacheFolder and
	// StateFolder have the defaults.
	CacheDir string `help:"Directory of the disk cache. pictor uses only DIR/pictor-v1. Default: the user's cache directory, with --dev pictor-dev in it." placeholder:"DIR" group:"Disk" reload:"no"`
	// CacheDisk is CacheOff for no cache on disk.
	CacheDisk CacheSize `help:"Size of the disk cache, source images included, like 10GiB, or off." default:"1GiB" placeholder:"1GiB" group:"Disk" reload:"no"`
	// CacheSources is CacheShare for a half of CacheDisk.
	CacheSources CacheSize `help:"How much of the disk cache source images may take, or off. Default: half." placeholder:"SIZE" group:"Disk" reload:"no"`
	StateDir     string    `help:"Directory of the purge log. If it is lost, the disk cache is discarded. Default: pictor, with --dev pictor-dev, in the user's state directory." placeholder:"DIR" group:"Disk" reload:"no"`

	Cluster
	FillLeases
	Handover
	CacheBucket

	TTL    time.Duration `name:"ttl" help:"How long a result is fresh if the origin sends no lifetime." default:"1h" group:"Freshness" reload:"yes"`
	TTLMin time.Duration `name:"ttl-min" help:"Shortest lifetime taken from an origin." default:"0" group:"Freshness" reload:"yes"`
	TTLMax time.Duration `name:"ttl-max" help:"Longest lifetime taken from an origin. 0: revalidate on every request." default:"8760h" group:"Freshness" reload:"yes"`

	StaleWhileRevalidate time.Duration `help:"How long a result that is no longer fresh is still served while it is revalidated, if the origin sends no value." default:"1h" group:"Freshness" reload:"yes"`
	StaleIfError         time.Duration `help:"How long a result that is no longer fresh is still served when the origin fails, if the origin sends no value." default:"168h" group:"Freshness" reload:"yes"`
	CDN                  string        `name:"cdn" help:"CDN or cache in front of pictor, which decides on headers: cloudflare, fastly, cloudfront, nginx or varnish." placeholder:"NAME" group:"Freshness" reload:"yes"`
	BrowserTTL           time.Duration `name:"browser-ttl" help:"With --cdn, how long browsers may cache a result. A purge does not reach them." default:"5m" group:"Freshness" reload:"yes"`

	SourceSettings
	Uploads
	Buckets
	LocalRoot string `help:"Directory of local source images (local:///)." placeholder:"DIR" group:"Sources" reload:"yes"`
	// SourceKeyIgnore is a comma list; IgnoredParameters splits it.
	SourceKeyIgnore string `help:"Query parameters of source URLs to leave out of the cache key, such as X-Amz-* of presigned URLs." placeholder:"NAME,..." group:"Sources" reload:"yes"`
	MaxSourceSize   Bytes  `help:"Largest source image in bytes, as downloaded, like 64MiB." default:"64MiB" group:"Sources" reload:"yes"`
	// MaxSourcePixels counts one frame: width × height.
	MaxSourcePixels Pixels `help:"Largest source image in pixels of one frame, like 100MP (millions)." default:"100MP" group:"Sources" reload:"yes"`
	MaxOutputSide   int    `help:"Longest side of a result in pixels, 1 to 65535." default:"8192" group:"Sources" reload:"yes"`
	Animations

	Negotiation
	Deferral
	Watermark            string `help:"Image for the watermark option (wm), at most 1 MiB." placeholder:"FILE" group:"Images" reload:"yes"`
	AllowSVGPassthrough  bool   `name:"allow-svg-passthrough" help:"Let raw and skip_processing serve an SVG unchanged, as a download in a sandbox. It may hold scripts of strangers." group:"Images" reload:"yes"`
	AllowSecurityOptions bool   `help:"Let URLs set limits of their own: msr, msfs, maf, mafr, mrd." group:"Images" reload:"yes"`

	Fallback

	FetchTimeout time.Duration `help:"Longest time to fetch one source image." default:"10s" group:"Timeouts" reload:"yes"`
	// FetchFirstByteTimeout is 0 where it was not set; FirstByteTimeout has the default.
	FetchFirstByteTimeout time.Duration `help:"Longest time until an origin begins its response. Default: half of --fetch-timeout." placeholder:"5s" group:"Timeouts" reload:"yes"`
	RequestTimeout        time.Duration `help:"Longest time until a client gets a response." default:"30s" group:"Timeouts" reload:"yes"`
	QueueWait             time.Duration `help:"Longest wait in the queue for memory. Then the response is 503." default:"20s" group:"Timeouts" reload:"yes"`

	LogFormat string `help:"Log format: text or json." default:"text" placeholder:"text" group:"Log" reload:"no"`
	LogLevel  string `help:"Least severe level to log: debug, info, warn or error." default:"info" placeholder:"info" group:"Log" reload:"yes"`
	RequestLog
}

// The addresses served on where --listen is not set.
const (
	defaultListen      = ":8080"
	defaultListenDev   = "127.0.0.1:8080"
	defaultAdminListen = "127.0.0.1:8081"
)

// Address is where to listen, host:port: Listen, or its default, which is on
// loopback in Dev.
func (s *Serve) Address() string {
	switch {
	case s.Listen != "":
		return s.Listen
	case s.Dev:
		return defaultListenDev
	}
	return defaultListen
}

// AdminAddress is where to listen for operators, host:port; empty where that
// is off. Where must is false a port in use is no reason not to start.
func (s *Serve) AdminAddress() (address string, must bool) {
	switch {
	case strings.EqualFold(s.AdminListen, "off"):
		return "", false
	case s.AdminListen == "":
		return defaultAdminListen, false
	}
	return s.AdminListen, true
}

// FirstByteTimeout is how long an origin may take to begin its response.
func (s *Serve) FirstByteTimeout() time.Duration {
	if s.FetchFirstByteTimeout == 0 {
		return s.FetchTimeout / 2
	}
	return s.FetchFirstByteTimeout
}

// IgnoredParameters are those of SourceKeyIgnore, nil for none.
func (s *Serve) IgnoredParameters() []string { return splitList(s.SourceKeyIgnore) }

// Level is LogLevel for slog; info where LogLevel is none of the four that
// Validate lets pass.
func (s *Serve) Level() slog.Level {
	switch strings.ToLower(s.LogLevel) {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
