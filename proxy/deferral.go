package proxy

import (
	"errors"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// Deferral says which results are made when workers are idle. Until then a result that takes less time is served. The
// zero value defers nothing.
type Deferral struct {
	// Formats are those that are deferred where negotiation has chosen them.
	Formats transform.FormatSet
	// AutoQuality defers searches for a quality, Best those for the smallest of several formats.
	AutoQuality, Best bool
	// MaxAge is for how long other caches may keep what is served until then.
	MaxAge time.Duration
}

// Explain says in a line what is served of a request first, and what later; "" where that is the same.
func (d Deferral) Explain(req signedurl.Request) string {
	var lines []string
	p := req.Params
	switch {
	case p.Best != 0 && d.Best:
		lines = append(lines, "WebP, JPEG or PNG is served until the smallest was found when workers were idle")
	case p.Best == 0 && p.AutoQuality.On() && d.AutoQuality:
		lines = append(lines, "the usual quality is served until the search was made when workers were idle")
	}
	for _, f := range []transform.Format{transform.AVIF, transform.JXL} {
		if p.Best == 0 && req.Auto && d.Formats.Has(f) {
			lines = append(lines, "clients that get "+f.Title()+
				" get WebP, JPEG or PNG until it was made when workers were idle")
		}
	}
	return strings.Join(lines, "; ")
}

// errDeferred: the result is not there, and is not made while a client waits.
var errDeferred = errors.New("the result is deferred")

// Words for what is deferred that is no format.
const (
	deferredSearch = "autoquality"
	deferredBest   = transform.BestFormat
)

// deferralNote is what a response has to say of a deferral. The zero value is for a response that has nothing to do
// with one.
type deferralNote struct {
	// what is deferred.
	what string
	// failed says that it could not be made.
	failed bool
	// maxAge is for how long other caches may keep the response, in seconds; 0 for as long as its entry is fresh.
	maxAge int64
}

// detail is for Cache-Status; "" for nothing.
func (n deferralNote) detail() string {
	switch {
	case n.what == "":
		return ""
	case n.failed:
		return "not made: " + n.what
	}
	return "deferred: " + n.what
}
