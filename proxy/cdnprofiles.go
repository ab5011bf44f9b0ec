package proxy

import "strings"

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
