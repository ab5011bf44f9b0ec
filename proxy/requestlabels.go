package proxy

import (
	"errors"

	"github.com/pictor-proxy/pictor/cache"
)

// The routes of requests in metrics.
const (
	routeImage  = "image"
	routeUpload = "upload"
	routeHealth = "health"
	routeHome   = "home"
	routeOther  = "other"
)

// The names of the server's own dialects, of which info is that of paths of facts, beside those of mounts, and of none.
const (
	dialectNative  = "native"
	dialectThumbor = "thumbor"
	dialectInfo    = "info"
	none           = "none"
)

// The classes of cache outcomes that durations are split by.
const (
	classHit    = "hit"
	classStale  = "stale"
	classMiss   = "miss"
	classUpload = "upload"
	classError  = "error"
)

// statusClientLeft is that of a request whose client left before the response, as nginx logs it.
const statusClientLeft = 499

// requestLabels are what metrics say of one request. The steps of the request fill them in.
type requestLabels struct {
	route, dialect string
	// cache is the outcome, and class the one of durations.
	cache, class string
}

// answeredBy notes what the cache did.
func (l *requestLabels) answeredBy(outcome cache.Outcome) {
	l.cache = outcome.String()
	switch outcome {
	case cache.Hit:
		l.class = classHit
	case cache.Stale, cache.StaleError:
		l.class = classStale
	default:
		l.class = classMiss
	}
}

// failed notes that there is an error in place of the image.
func (l *requestLabels) failed(err error) {
	l.cache, l.class = none, classError
	var known *cache.Remembered
	if errors.As(err, &known) {
		l.cache = "remembered-error"
	}
}
