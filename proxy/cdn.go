package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// CDN is a profile: the headers that one CDN reads and browsers do not. The zero value is no
// CDN.
type CDN struct {
	// control is the name of a header with the freshness lifetime for the CDN alone
	// (RFC 9213 §2). shared is true where Cache-Control has it instead, for all shared
	// caches.
	control string
	shared  bool
	// tags is the name of the header with the tags of an entry, which separator separates.
	tags, separator string
}

// profiles are the CDNs by name, according to their documentation. Cloudflare serves nothing
// stale where it finds s-maxage, so it gets none. nginx reads Cache-Control alone; its tags
// are for scripts that purge its files.
var profiles = map[string]CDN{
	"cloudflare": {control: "Cdn-Cache-Control", tags: "Cache-Tag", separator: ","},
	"fastly":     {control: "Surrogate-Control", tags: "Surrogate-Key", separator: " "},
	"cloudfront": {shared: true, tags: "Cache-Tag", separator: ","},
	"nginx":      {control: "Surrogate-Control", tags: "Surrogate-Key", separator: " "},
	"varnish":    {control: "Surrogate-Control", tags: "Surrogate-Key", separator: " "},
}

// ParseCDN returns the profile with a name. Case does not matter.
func ParseCDN(name string) (CDN, bool) {
	p, ok := profiles[strings.ToLower(name)]
	return p, ok
}

// isSet reports whether there is a CDN.
func (p CDN) isSet() bool { return p != CDN{} }

// setCacheControl sets the headers for browsers and for the CDN. Behind a CDN, which can be
// purged, browsers, which cannot, keep a response for at most browserTTL seconds.
func (p CDN) setCacheControl(h http.Header, l lifetime, browserTTL int64) {
	browser := l
	if p.isSet() && !l.immutable {
		browser.fresh = min(l.fresh, browserTTL)
	}
	control := browser.browserControl()
	if p.shared && !l.noStore && !l.private && l.fresh > 0 {
		control += ", " + l.sharedDirectives("s-maxage")
	}
	h["Cache-Control"] = []string{control}
	switch {
	case p.control == "":
	case l.noStore, l.private:
		h[p.control] = []string{"no-store"}
	default:
		h[p.control] = []string{l.sharedDirectives("max-age")}
	}
}

// setTags sets the header by which the CDN can purge a response.
func (p CDN) setTags(h http.Header, e *cache.Entry) {
	if p.tags == "" || e.NoStore {
		return
	}
	all := []string{tagOf(purge.Target{Kind: purge.All})}
	for _, host := range cache.Hosts(e.Source) {
		all = append(all, tagOf(purge.Target{Kind: purge.Host, Value: host}))
	}
	all = append(all,
		tagOf(purge.Target{Kind: purge.Source, Value: e.Source}),
		tagOf(purge.Target{Kind: purge.URL, Value: cache.PurgeName(e.Key)}))
	h[p.tags] = []string{strings.Join(append(all, e.Tags...), p.separator)}
}

// tagOf is the tag of a purge target at a CDN. It is short, has only characters that every
// CDN allows, and never changes. A prefix has the tag of its host.
func tagOf(t purge.Target) string {
	sum := sha256.Sum256([]byte(t.Value))
	id := hex.EncodeToString(sum[:8])
	switch t.Kind {
	case purge.All:
		return "pictor-all"
	case purge.Host:
		return "pictor-h-" + id
	case purge.Source:
		return "pictor-s-" + id
	case purge.URL:
		return "pictor-u-" + id
	case purge.Prefix:
		if hosts := cache.Hosts(t.Value); len(hosts) > 0 {
			return tagOf(purge.Target{Kind: purge.Host, Value: hosts[0]})
		}
		return "pictor-all"
	}
	return t.Value
}
