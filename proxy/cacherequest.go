package proxy

import (
	"net/url"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// cacheRequest is a request with the names that the caches have for its parts.
type cacheRequest struct {
	req signedurl.Request
	// identity names the source, in the one spelling that all of its URLs have in
	// common; key names the result.
	identity string
	key      cache.Key
	// hasIgnoredParams says that the URL of the source has parameters that identity
	// leaves out.
	hasIgnoredParams bool
	// hops are the proxies that the request has passed (Via, CDN-Loop).
	hops origin.Hops
	// passed are headers of the request that go on to the origin of the source.
	passed origin.Passed
	// trace is told of requests to the origin, and of calls of the bucket; nil for none.
	trace requestTrace
	// watermark is that of the settings by which key was made; nil for none.
	watermark *Watermark
	// by is the key whose rate of misses a fill counts against; nil for none.
	by *accessKey
	// quick is what is served in place of the result until that was made in the background; nil where the result is
	// not deferred.
	quick *quickAnswer
	// background: no client waits (see budget.InBackground). concealed: clients do not see the source, and logs have
	// nothing of it.
	background, concealed bool
	// clock measures the phases of the request, and phases those of its fill; nil where no client waits.
	clock  *phaseClock
	phases *fillPhases
}

// quickAnswer is what is served in place of a deferred result.
type quickAnswer struct {
	cacheRequest
	// what is deferred: names of formats, autoquality or best.
	what string
}

// purgeScope is what a purge may name the result of a request by, before the tags are
// known that its origin gives it.
func (a cacheRequest) purgeScope() purge.Scope {
	return purge.Scope{
		URL: cache.PurgeName(a.key), Source: a.identity, Hosts: cache.Hosts(a.identity), Tags: a.req.TagList(),
	}
}

// inBackground is the request with nothing of the client that made it.
func (a cacheRequest) inBackground() cacheRequest {
	a.background = true
	a.quick, a.by = nil, nil
	a.trace = nil
	a.clock, a.phases = nil, nil
	return a
}

// newCacheRequest finds the names that the caches have for a request.
func (s *Server) newCacheRequest(req signedurl.Request) cacheRequest {
	rules := s.cfg.inForce.Load()
	a := cacheRequest{req: req, watermark: rules.Watermark}
	a.identity, a.hasIgnoredParams = s.sourceIdentity(req.Source)
	known := req
	known.Source = a.identity
	key := known.Canonical()
	if req.Params.Watermark.On() && a.watermark != nil {
		key = a.watermark.Version + "/" + key // another watermark file makes another result
	}
	if rules.AllowSVGPassthrough && (req.Params.Raw || req.Params.Skip.Has(transform.SVG)) {
		key = "svg/" + key // a server without the permission does not find the entry
	}
	a.key = cache.Key(key)
	return a
}

// sourceIdentity is the URL of a source in one spelling, without the parameters that
// SourceKeyIgnore has; ignored says whether there are some.
func (s *Server) sourceIdentity(source string) (id string, ignored bool) {
	id = s.cfg.inForce.Load().Origin.Identity(source)
	path, query, asks := strings.Cut(id, "?")
	if !asks || len(s.cfg.inForce.Load().SourceKeyIgnore) == 0 || !strings.HasPrefix(id, "http") {
		return id, false
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if s.isIgnoredParam(name, true) {
			ignored = true
		} else {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return path, ignored
	}
	return path + "?" + strings.Join(kept, "&"), ignored
}

// isIgnoredParam says whether a parameter is in SourceKeyIgnore. Where whole is false, name
// is only the beginning of one, and all parameters that begin so have to be in it.
func (s *Server) isIgnoredParam(name string, whole bool) bool {
	for _, pattern := range s.cfg.inForce.Load().SourceKeyIgnore {
		prefix, open := strings.CutSuffix(pattern, "*")
		if whole && strings.EqualFold(name, pattern) {
			return true
		}
		if open && len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}
