package proxy

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// RuntimeConfig is what Reload changes besides Rules. None of them decides on the split of the memory.
type RuntimeConfig struct {
	// PathPrefix stands before the signature in each path, "/images"; "" for none.
	PathPrefix string
	// Thumbor reads paths below ThumborPath, "/thumbor/" or "/"; nil for no
	// such dialect. At "/" the native dialect reads what Thumbor does not verify.
	Thumbor     *thumbor.Dialect
	ThumborPath string
	// Origin fetches sources. One that takes the place of another must be made by its With.
	Origin *origin.Fetcher
	// SourceKeyIgnore are query parameters that identities leave out, such as those of a
	// presigned URL. With a star at its end a name stands for all that begin so.
	SourceKeyIgnore []string
	// QueueWait is the longest that a request waits for budgets; 0 means 20 s.
	QueueWait time.Duration
	Limits    transform.Limits
	// AutoFormats are negotiated where a URL names no format, the preferred one first.
	// Where empty, only URLs with f:auto are negotiated, with AVIF before WebP.
	AutoFormats []transform.Format
	// AllowSVGPassthrough has raw and skip_processing serve an SVG unchanged, which is else an error.
	AllowSVGPassthrough bool
	// AllowSecurityOptions lets URLs set limits of their own.
	AllowSecurityOptions bool
	// MaxUpload is the most bytes of an image that a client sends; 0 takes none.
	MaxUpload int64
	// HashKey is the key of signedurl.HashSource for hidden sources.
	HashKey []byte
	// Fallback are the images that are served in place of errors.
	Fallback Fallback
	// Watermark is the image that URLs may have drawn over results; nil for none. It stays open as long as
	// requests may use it.
	Watermark *Watermark
	TTL       sources.TTL
	// CDN is the one in front of the server; zero for none that is known.
	CDN CDN
	// BrowserTTL is for how long browsers may keep a result that can be purged from a CDN;
	// 0 means 5 minutes.
	BrowserTTL time.Duration
	// RequestTimeout is the longest that a client waits; 0 means 30 s.
	RequestTimeout time.Duration
	RequestLog     RequestLog
}

// withDefaults gives zero fields their defaults.
func (set RuntimeConfig) withDefaults() RuntimeConfig {
	if set.RequestTimeout <= 0 {
		set.RequestTimeout = 30 * time.Second
	}
	if set.QueueWait <= 0 {
		set.QueueWait = 20 * time.Second
	}
	if set.BrowserTTL <= 0 {
		set.BrowserTTL = 5 * time.Minute
	}
	return set
}
