package proxy

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/proxy/tracing"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Config configures a Server. The caller makes the parts, and closes them.
type Config struct {
	// Rules are the first ones in force.
	Rules
	// PathPrefix stands before the signature in each path, "/images"; "" for none.
	PathPrefix string
	// Thumbor reads paths below ThumborPath, "/thumbor/" or "/"; nil for no
	// such dialect. At "/" the native dialect reads what Thumbor does not verify.
	Thumbor     *thumbor.Dialect
	ThumborPath string
	Origin      *origin.Fetcher
	Cache       *cache.Cache
	// Clock is the purge clock of the Cache.
	Clock *purge.Clock
	// Cluster keeps the Clock in step with those of other servers; nil for a server alone.
	Cluster *purge.Cluster
	// Leases have one server of the Cluster make what is dear; nil for none.
	Leases *FillLeases
	// Disk is the store of the Cache's disk tier, for its figures; nil for none.
	Disk *diskstore.Store
	// Sources keeps the bytes of sources; nil for none. The Server closes it.
	Sources *diskstore.Store
	// SourceBucket has sources for other servers, too; nil for none. The Server closes it.
	SourceBucket *cache.SourceBucket
	// SourceKeyIgnore are query parameters that identities leave out, such as those of a
	// presigned URL. With a star at its end a name stands for all that begin so.
	SourceKeyIgnore []string
	Transformer     transform.Transformer
	// Plan is how the memory limit is split at first; see Resize.
	Plan memory.Plan
	// QueueWait is the longest that a request waits for budgets; 0 means 20 s.
	QueueWait time.Duration
	Limits    transform.Limits
	// Formats gives what may be read and written at the moment; nil for all formats.
	Formats func() transform.FormatAccess
	// AutoFormats are negotiated where a URL names no format, the preferred one first.
	// Where empty, only URLs with f:auto are negotiated, with AVIF before WebP.
	AutoFormats []transform.Format
	// Defer are results that are made when workers are idle.
	Defer Deferral
	// AllowSVGPassthrough has raw and skip_processing serve an SVG unchanged, which is else an error.
	AllowSVGPassthrough bool
	// AllowSecurityOptions lets URLs set limits of their own.
	AllowSecurityOptions bool
	// MaxUpload is the most bytes of an image that a client sends; 0 takes none.
	MaxUpload int64
	// Hidden are the sources that URLs name by a hash.
	Hidden HiddenSources
	// Fallback are the images that are served in place of errors.
	Fallback Fallback
	// Watermark is the image that URLs may have drawn over results; nil for none.
	Watermark *Watermark
	TTL       sources.TTL
	// CDN is the one in front of the server; zero for none that is known.
	CDN CDN
	// BrowserTTL is for how long browsers may keep a result that can be purged from a CDN;
	// 0 means 5 minutes.
	BrowserTTL time.Duration
	// RequestTimeout is the longest that a client waits; 0 means 30 s.
	RequestTimeout time.Duration
	// Ready gives the reason why the server is not ready; nil for always ready.
	Ready func() error
	// Studio answers GET /, GET /favicon.ico and all below /studio/; nil means a quiet 200, and 404. AdminStudio
	// does so for operators, below /studio/ of the admin port, where that has a token.
	Studio, AdminStudio http.Handler
	RequestLog          RequestLog
	// Tracer makes traces of requests; nil for none. The caller closes it.
	Tracer *tracing.Tracer
	// MetricsToken gives access to /metrics on the admin port alone; "" for none.
	MetricsToken string
	// Build is for metrics; nil for none.
	Build func() BuildInfo
	// ReloadSettings reads the settings of the server again, for POST /reload; nil where that cannot be.
	ReloadSettings func() (ReloadAnswer, error)
	// FullErrors shows causes, and where the time went, to the client (--dev).
	FullErrors bool
	// OnIdle, unless nil, is called when the server has been idle for a while and gives
	// the heap back.
	OnIdle func()
	// Log gets errors and, at debug level, requests; nil for no log.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Watermark is the image that URLs may have drawn over results.
type Watermark struct {
	Source *memfile.Source
	// Info is what container.Sniff found.
	Info transform.Info
	// Version differs for each file, and so do the cache keys of results with it.
	Version string
}

// BuildInfo says what a server was made from.
type BuildInfo struct {
	// Version is the one that `pictor version` prints, Revision the commit, "" where that is not known.
	Version, Revision string
	// Libvips is its version in the workers, "" until one has said it.
	Libvips string
}
