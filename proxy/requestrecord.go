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

// The names of the server's own dialects, beside those of mounts, and of none.
const (
	dialectNative  = "native"
	dialectThumbor = "thumbor"
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

// requestRecord is what metrics say of one request. The steps of the request fill it in.
type requestRecord struct {
	route, dialect string
	// cache is the outcome, and class the one of durations.
	cache, class string
}

// answeredBy notes what the cache did.
func (rec *requestRecord) answeredBy(outcome cache.Outcome) {
	rec.cache = outcome.String()
	switch outcome {
	case cache.Hit:
		rec.class = classHit
	case cache.Stale, cache.StaleError:
		rec.class = classStale
	default:
		rec.class = classMiss
	}
}

// failed notes that there is an error in place of the image.
func (rec *requestRecord) failed(err error) {
	rec.cache, rec.class = none, classError
	var known *cache.Remembered
	if errors.As(err, &known) {
		rec.cache = "remembered-error"
	}
}
