package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
)

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
