package proxy

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// Mount is a further dialect of URLs, below a prefix of paths of its own. What a target means
// there follows from all of it, its query included.
type Mount struct {
	// Name is the dialect's in messages, "nextjs".
	Name string
	// Prefix begins with a slash. One that ends with a slash has all paths below it, and any
	// other the path itself, too. It does not stand behind Config.PathPrefix.
	Prefix string
	// Parse reads what follows Prefix in a target, with the query. It verifies what there is to
	// be verified, and refuses what nobody vouches for: what it gives is served. Request.Auto
	// leaves the format to negotiation. Errors wrap those of signedurl. It is called by many
	// goroutines.
	Parse func(rest string) (signedurl.Request, error)
	// ParseUpload reads what follows Prefix in the target of an upload, whose API-Key header is given; nil where the
	// dialect has none. The Request has no Source, and field is the name of the file in a form, "" for "file".
	ParseUpload func(rest, apiKey string) (req signedurl.Request, field string, err error)
	// ParseUnsigned reads the same without regard to a signature, for purges; nil for Parse.
	ParseUnsigned func(rest string) (signedurl.Request, error)
	// Sources are those that targets may name; nil for all that the Fetcher permits.
	Sources []origin.SourceRule
	// Refusal is what is said of another source, without a dot; "" for a sentence of the server's.
	Refusal string
	// Formats are negotiated for requests with Auto, the preferred one first. Where it is nil the
	// server's AutoFormats are, also where a request names no format.
	Formats []transform.Format
	// Statuses are of errors that have another status in this dialect, by their code.
	Statuses map[string]int
	// Header is set on responses with an image, over what the server sets itself. Names are canonical.
	Header http.Header
	// SetHeader, unless nil, changes the header of such a response. status is "hit" or "stale" where
	// the cache had the image, else "miss".
	SetHeader func(h http.Header, status string)
	// OnError, unless nil, gives a path of the site that a browser may go to instead of an error of
	// the source or the transform; "" for none.
	OnError func(rest string) string
}

// cut is what follows the prefix in a target; false for a target of another dialect.
func (m *Mount) cut(target string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(target, m.Prefix)
	open := strings.HasSuffix(m.Prefix, "/") || rest == "" || rest[0] == '/' || rest[0] == '?'
	return rest, ok && open
}

// MountOf finds the mount that a target is of, and what follows its prefix; nil for a target of the
// dialects that the server has itself. The target may be a whole URL.
func MountOf(mounts []Mount, target string) (m *Mount, rest string) {
	if len(mounts) == 0 {
		return nil, ""
	}
	path := signedurl.PathOf(target)
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path = target[i-len(path):] // still with its query
	}
	for i := range mounts {
		if rest, ok := mounts[i].cut(path); ok {
			return &mounts[i], rest
		}
	}
	return nil, ""
}

// setHeader makes the header of a response with an image that of the mount's dialect.
func (m *Mount) setHeader(h http.Header, outcome cache.Outcome) {
	if m == nil {
		return
	}
	for name, value := range m.Header {
		h[name] = value
	}
	if m.SetHeader != nil {
		m.SetHeader(h, mountStatus(outcome))
	}
}

func mountStatus(outcome cache.Outcome) string {
	switch outcome {
	case cache.Hit:
		return "hit"
	case cache.Stale, cache.StaleError:
		return "stale"
	}
	return "miss"
}

// mountError is an error of a request in the dialect of a mount.
type mountError struct {
	error
	mount *Mount
}

func (e *mountError) Unwrap() error { return e.error }

// errorOf gives an error the status that it has in the mount's dialect.
func (m *Mount) errorOf(err error) error {
	if err == nil || m == nil || len(m.Statuses) == 0 {
		return err
	}
	return &mountError{err, m}
}

// statusOf is the status that a code has in the mount's dialect; status is that of other dialects.
func (e *mountError) statusOf(code string, status int) int {
	if own, ok := e.mount.Statuses[code]; ok {
		return own
	}
	return status
}

// CheckMounts refuses mounts whose paths are taken. thumborPath is Config.ThumborPath; "" where there
// is no such dialect.
func CheckMounts(mounts []Mount, pathPrefix, thumborPath string) error {
	native := pathPrefix + "/"
	taken := []string{"/unsigned/", "/favicon.ico", "/robots.txt", "/health", native}
	if thumborPath != "" && thumborPath != "/" {
		taken = append(taken, thumborPath)
	}
	for i := range mounts {
		m := &mounts[i]
		if m.Name == "" || m.Parse == nil || len(m.Prefix) < 2 || m.Prefix[0] != '/' || m.Prefix[1] == '/' ||
			strings.ContainsAny(m.Prefix, "?#%") {
			return fmt.Errorf("the path %s of %s URLs must begin with a slash, and have more than that",
				transform.Quote(m.Prefix), m.Name)
		}
		for _, other := range taken {
			_, within := m.cut(other)
			_, around := (&Mount{Prefix: other}).cut(m.Prefix)
			if within || around && other != native {
				return fmt.Errorf("the path %s of %s URLs is taken by %s", transform.Quote(m.Prefix), m.Name,
					transform.Quote(other))
			}
		}
		taken = append(taken, m.Prefix)
	}
	return nil
}
