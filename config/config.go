package config

import (
	"log/slog"
	"strings"
	"time"
)

// File names the YAML file. Embed it in each command that reads settings:
// the file is read only where its flag exists.
type File struct {
	Config string `help:"YAML file with settings, one key per flag." placeholder:"FILE"`
}

// Keys are the settings that sign and verify; commands that mint URLs embed
// them too.
type Keys struct {
	Key           Secret `help:"Signing keys in hexadecimal, comma-separated. The first one signs, all of them verify." placeholder:"HEX,..." group:"Signing"`
	KeyFile       string `help:"File that holds the keys, instead of --key." placeholder:"FILE" group:"Signing"`
	Salt          Secret `help:"Salts in hexadecimal, as many as keys, the n-th with the n-th." placeholder:"HEX,..." group:"Signing"`
	SaltFile      string `help:"File that holds the salts, instead of --salt." placeholder:"FILE" group:"Signing"`
	SignatureSize int    `help:"Bytes of a signature, 8 to 32, compared exactly." default:"32" placeholder:"32" group:"Signing"`
}

// Serve is every setting of the server. Kong fills it (see Sources); KeyFile
// and SaltFile are then set only where the flag was given, while Key and Salt
// hold the content whichever way it came.
type Serve struct {
	// Listen is empty where it was not set; Address has the default.
	Listen string `help:"Address and port to serve on." placeholder:":8080" group:"Server"`
	// AdminListen is empty where it was not set; AdminAddress has the default.
	AdminListen    string `help:"Address and port of /metrics, /purge and /debug/memory, or off. 127.0.0.1:8081 if not set, and if that is free." placeholder:"127.0.0.1:8081" group:"Server"`
	AdminToken     Secret `help:"What those who use --admin-listen have to send as a bearer token, for all but /metrics; needed where it is not on loopback." placeholder:"TEXT" group:"Server"`
	AdminTokenFile string `help:"File that holds the token, instead of --admin-token." placeholder:"FILE" group:"Server"`
	Dev            bool   `help:"Try pictor out: loopback only, a temporary key, full errors, the playground, and cache and state directories of its own." group:"Server"`

	File

	Keys
	URLs
	Insecure bool `help:"Accept any signature: anyone can ask for any picture." group:"Signing"`

	// MemoryLimit is 0 where it is to be found (FindLimit), in bytes.
	MemoryLimit Bytes `help:"Memory that all of pictor's processes may use together, like 512MiB. Found if not set: the container's limit, else three quarters of the machine's memory." placeholder:"SIZE" group:"Memory"`
	// Workers is 0 for as many as there are processors and the Plan affords.
	Workers     int       `help:"Worker processes, 1 to 256; 0 for one per processor, as far as the memory limit affords." default:"0" placeholder:"N" group:"Memory"`
	CacheMemory CacheSize `help:"Size of the cache in memory, like 64MiB, or off. A share of the memory limit if not set." placeholder:"SIZE" group:"Memory"`

	// CacheDir and StateDir are empty where they were not set; CacheFolder and
	// StateFolder have the defaults.
	CacheDir string `help:"Directory of the disk cache. pictor uses only DIR/pictor-v1. Default: the user's cache directory, with --dev pictor-dev in it." placeholder:"DIR" group:"Disk"`
	// CacheDisk is CacheOff for no cache on disk.
	CacheDisk CacheSize `help:"Size of the cache on disk, sources included, like 10GiB, or off." default:"1GiB" placeholder:"1GiB" group:"Disk"`
	// CacheSources is CacheShare for a half of CacheDisk.
	CacheSources CacheSize `help:"How much of it sources may take, or off. A half if not set." placeholder:"SIZE" group:"Disk"`
	StateDir     string    `help:"Directory of the purge log. If it is lost, the disk cache is discarded. Default: pictor, with --dev pictor-dev, in the user's state directory." placeholder:"DIR" group:"Disk"`

	TTL    time.Duration `name:"ttl" help:"How long a result is fresh where the origin says nothing." default:"1h" group:"Freshness"`
	TTLMin time.Duration `name:"ttl-min" help:"Shortest freshness taken from an origin." default:"0" group:"Freshness"`
	TTLMax time.Duration `name:"ttl-max" help:"Longest freshness taken from an origin." default:"8760h" group:"Freshness"`

	StaleWhileRevalidate time.Duration `help:"How long after that a result is still served while it is made anew, where the origin says nothing." default:"1h" group:"Freshness"`
	StaleIfError         time.Duration `help:"How long after that a result is still served where it cannot be made anew, where the origin says nothing." default:"168h" group:"Freshness"`
	CDN                  string        `name:"cdn" help:"CDN or cache in front of the server, which decides its headers: cloudflare, fastly, cloudfront, nginx or varnish." placeholder:"NAME" group:"Freshness"`
	BrowserTTL           time.Duration `name:"browser-ttl" help:"With --cdn, how long browsers may keep a result, which cannot be purged there." default:"5m" group:"Freshness"`

	AllowNetworks Prefixes `help:"Networks (CIDR) or addresses that sources may be fetched from although they are private." placeholder:"CIDR,..." group:"Sources"`
	LocalRoot     string   `help:"Folder that local sources are read from." placeholder:"DIR" group:"Sources"`
	// SourceKeyIgnore is a comma list; IgnoredParameters splits it.
	SourceKeyIgnore string `help:"Parameters of a source's query that do not make it another source, such as those of presigned URLs: X-Amz-*." placeholder:"NAME,..." group:"Sources"`
	MaxSourceSize   Bytes  `help:"Largest source, in bytes as downloaded." default:"64MiB" group:"Sources"`
	// MaxSourcePixels counts one frame: width × height.
	MaxSourcePixels Pixels `help:"Largest source, in pixels of one frame." default:"100MP" group:"Sources"`
	MaxFrames       int    `help:"Most frames of an animation." default:"300" group:"Sources"`
	MaxOutputSide   int    `help:"Longest side of a result in pixels, 1 to 65535." default:"8192" group:"Sources"`

	// AutoFormats is a comma list; AutoFormatNames splits it.
	AutoFormats          string `help:"Formats to choose from by what a client accepts where a URL names none, the favourite first, such as avif,webp. Without it only URLs that say so (f:auto) are negotiated." placeholder:"FORMAT,..." group:"Pictures"`
	Watermark            string `help:"Picture that URLs may have laid over theirs (wm), at most 1 MiB." placeholder:"FILE" group:"Pictures"`
	AllowSecurityOptions bool   `help:"Let URLs set limits of their own: msr, msfs, maf, mafr, mrd." group:"Pictures"`

	FetchTimeout   time.Duration `help:"Longest time for fetching one source." default:"10s" group:"Timeouts"`
	RequestTimeout time.Duration `help:"Longest time that a client waits for an answer." default:"30s" group:"Timeouts"`
	QueueWait      time.Duration `help:"Longest wait for memory before a request is turned away with 503." default:"20s" group:"Timeouts"`

	LogFormat string `help:"Form of the log: text or json." default:"text" placeholder:"text" group:"Log"`
	LogLevel  string `help:"What to log: debug, info, warn or error, and what is worse." default:"info" placeholder:"info" group:"Log"`
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

// AutoFormatNames are the formats to choose from, nil for none.
func (s *Serve) AutoFormatNames() []string { return list(s.AutoFormats) }

// IgnoredParameters are those of SourceKeyIgnore, nil for none.
func (s *Serve) IgnoredParameters() []string { return list(s.SourceKeyIgnore) }

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
