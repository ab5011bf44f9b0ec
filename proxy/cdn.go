package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// CDN is a profile: the headers by which one CDN learns what is meant for it
// and not for browsers. The zero CDN is none.
type CDN struct {
	// control is the header that has the CDN's freshness, control of a cache for
	// itself (RFC 9213 §2); shared says that it is in Cache-Control instead, for
	// all shared caches.
	control string
	shared  bool
	// tags is the header that has the names to purge by, with between between them.
	tags, separator string
}

// profiles are the CDNs by name, as their documents have it. Cloudflare takes
// s-maxage for a word against stale answers, so it gets none. nginx follows
// Cache-Control, and has the tags for those who purge its files by a script.
var profiles = map[string]CDN{
	"cloudflare": {control: "Cdn-Cache-Control", tags: "Cache-Tag", separator: ","},
	"fastly":     {control: "Surrogate-Control", tags: "Surrogate-Key", separator: " "},
	"cloudfront": {shared: true, tags: "Cache-Tag", separator: ","},
	"nginx":      {control: "Surrogate-Control", tags: "Surrogate-Key", separator: " "},
	"varnish":    {control: "Surrogate-Control", tags: "Surrogate-Key", separator: " "},
}

// ParseCDN finds a profile by its name, in any case.
func ParseCDN(name string) (CDN, bool) {
	p, ok := profiles[strings.ToLower(name)]
	return p, ok
}

// on says whether there is a CDN.
func (p CDN) isSet() bool { return p != CDN{} }

// setControl says to browsers and to the CDN what is meant for each. A browser
// cannot be purged, so behind a CDN, which can, it gets browserTTL seconds at
// the most.
func (p CDN) setCacheControl(h http.Header, l lifetime, browserTTL int64) {
	own := l
	if p.isSet() && !l.immutable {
		own.fresh = min(l.fresh, browserTTL)
	}
	control := own.browserControl()
	if p.shared && !l.noStore && l.fresh > 0 {
		control += ", " + l.sharedDirectives("s-maxage")
	}
	h["Cache-Control"] = []string{control}
	switch {
	case p.control == "":
	case l.noStore:
		h[p.control] = []string{"no-store"}
	default:
		h[p.control] = []string{l.sharedDirectives("max-age")}
	}
}

// setTags says what the answer can be purged by.
func (p CDN) setTags(h http.Header, e *cache.Entry) {
	if p.tags == "" || e.NoStore {
		return
	}
	all := []string{tagOf(purge.Target{Kind: purge.All})}
	for _, host := range cache.Hosts(e.Source) {
		all = append(all, tagOf(purge.Target{Kind: purge.Host, Value: host}))
	}
	all = append(all, tagOf(purge.Target{Kind: purge.Source, Value: e.Source}), tagOf(purge.Target{Kind: purge.URL, Value: cache.PurgeName(e.Key)}))
	h[p.tags] = []string{strings.Join(append(all, e.Tags...), p.separator)}
}

// tagOf is the tag that stands for a target at a CDN: short, of letters that
// all of them take, and the same for ever. A prefix has none of its own.
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
