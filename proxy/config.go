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
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Config configures a Server. The parts are the caller's to make and to close.
type Config struct {
	Keyring *signedurl.Keyring
	// Dialect is how paths are read; nil for the grammar as it is.
	Dialect *signedurl.Dialect
	// PathPrefix stands before the signature in each path, "/images"; "" for none.
	PathPrefix string
	// Thumbor reads paths below ThumborPath, "/thumbor/" or "/"; nil for no
	// such dialect. At "/" the native dialect reads what Thumbor does not verify.
	Thumbor     *thumbor.Dialect
	ThumborPath string
	Origin      *origin.Fetcher
	Cache       *cache.Cache
	// Clock is the Cache's.
	Clock *purge.Clock
	// Disk is the store of the Cache's disk tier, for its figures; nil for none.
	Disk *diskstore.Store
	// Sources keeps the bytes of sources, and is closed by the Server; nil for
	// keeping none.
	Sources *diskstore.Store
	// SourceKeyIgnore are parameters of a source's query that do not make it
	// another one, such as those of a presigned URL; with a star at their end
	// all that begin so.
	SourceKeyIgnore []string
	Transformer     transform.Transformer
	// Plan is how the memory limit is split at first; see Resize.
	Plan memory.Plan
	// QueueWait is the longest that a request stands in lines; 0 means 20 s.
	QueueWait time.Duration
	Limits    transform.Limits
	// AutoFormats are chosen by what a client accepts, the favourite first,
	// where a URL names no format; empty where only URLs that say so (f:auto)
	// are negotiated, and then AVIF before WebP.
	AutoFormats []transform.Format
	// AllowSecurityOptions lets URLs set limits of their own.
	AllowSecurityOptions bool
	// Watermark is what URLs may have laid over their pictures; nil for none.
	Watermark *Watermark
	TTL       sources.TTL
	// CDN is what stands before the server; zero for nothing that is known.
	CDN CDN
	// BrowserTTL is how long browsers may keep what a CDN can be purged of; 0
	// means 5 minutes.
	BrowserTTL time.Duration
	// RequestTimeout is the longest that a client waits; 0 means 30 s.
	RequestTimeout time.Duration
	// Ready tells what keeps the server from serving; nil means nothing ever does.
	Ready func() error
	// Home answers GET / and GET /favicon.ico; nil means a quiet 200 and a 404.
	Home http.Handler
	// MetricsToken is good for the admin port's /metrics, and for nothing else; ""
	// for none.
	MetricsToken string
	// FullErrors shows causes to the client (--dev).
	FullErrors bool
	// OnIdle, unless nil, is called when work has ended for a while, beside
	// giving back the heap.
	OnIdle func()
	// Log gets errors and, at debug level, requests; nil means none of it.
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
