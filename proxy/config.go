package proxy

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/tracing"
	"github.com/pictor-proxy/pictor/transform"
)

// Config configures a Server. The caller makes the parts, and closes them.
type Config struct {
	// Rules and RuntimeConfig are the first ones in force.
	Rules
	RuntimeConfig
	// inForce are those in force.
	inForce *atomic.Pointer[rulesInForce]
	Cache   *cache.Cache
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
	Transformer  transform.Transformer
	// Plan is how the memory limit is split at first; see Resize.
	Plan memory.Plan
	// Formats gives what may be read and written at the moment; nil for all formats.
	Formats func() transform.FormatAccess
	// Defer are results that are made when workers are idle.
	Defer Deferral
	// Hidden are the sources that URLs name by a hash.
	Hidden HiddenSources
	// Ready gives the reason why the server is not ready; nil for always ready.
	Ready func() error
	// Studio answers GET /, GET /favicon.ico and all below /studio/; nil means a quiet 200, and 404. AdminStudio
	// does so for operators, below /studio/ of the admin port, where that has a token.
	Studio, AdminStudio http.Handler
	// Tracer makes traces of requests; nil for none. The caller closes it.
	Tracer *tracing.Tracer
	// MetricsToken gives access to /metrics on the admin port alone; "" for none.
	MetricsToken string
	// Build is for metrics; nil for none.
	Build func() BuildInfo
	// ReloadSettings reads the settings of the server again, for POST /reload; nil where that cannot be.
	ReloadSettings func() (ReloadAnswer, error)
	// Settings is for metrics; nil for none.
	Settings func() SettingsStatus
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

// BuildInfo says what a server was made from.
type BuildInfo struct {
	// Version is the one that `pictor version` prints, Revision the commit, "" where that is not known.
	Version, Revision string
	// Libvips is its version in the workers, "" until one has said it.
	Libvips string
}

// SettingsStatus says how old the settings in force are, and for how long they are good.
type SettingsStatus struct {
	// Loaded is when they were read; ReloadRefused: a reload came after that, and was refused whole.
	Loaded        time.Time
	ReloadRefused bool
	// CertificateEnds is the end of the certificate that clients are shown; zero for a server without TLS.
	CertificateEnds time.Time
}
