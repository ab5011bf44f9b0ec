package origin

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Settings are the settings of some sources of http and https. They hold for a fetch of one of these, and
// for its redirects as long as these lead to one: no other host sees a header or a certificate of theirs.
type Settings struct {
	// Name is for errors and bounds.
	Name string
	// Sources are those that the settings are for. Of several settings those count whose rule is the most
	// precise one: by host, by path, then by scheme.
	Sources []SourceRule
	// Header is added to each request, and takes the place of what it has by itself. Names are canonical.
	Header http.Header
	// Pass are canonical names of headers that go on from the client's request, if it has them: see Passed.
	// One that Header has, too, is that of Header.
	Pass []string
	// Roots are what the certificate of the origin is checked by; nil for those of the system. Certificate
	// is the client's own, nil for none.
	Roots       *x509.CertPool
	Certificate *tls.Certificate
	// Proxy is an HTTP proxy, of the form http://USER:PASSWORD@HOST:PORT; nil for none. Its own address need
	// not be public. It looks names up itself, so that only addresses in URLs are guarded.
	Proxy *url.URL
	// Timeout and FirstByte are as in Config, and take their place; 0 for them.
	Timeout, FirstByte time.Duration
	// Fetches bounds the fetches of all sources together; 0 for the bound that each host has. Bound gives it.
	Fetches int
}

// reserved are the headers that are the Fetcher's own affair, or of one connection (RFC 9110 §7.6.1).
var reserved = []string{"Host", "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
	"Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Content-Type", "Expect",
	"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	"Via", "Cdn-Loop"}

// ParseHeaderName gives the canonical name of a header that Settings may have.
func ParseHeaderName(name string) (string, error) {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "", fmt.Errorf("%q is not the name of a header", name)
	case slices.Contains(reserved, canonical):
		return "", fmt.Errorf("header %s is set by pictor itself", canonical)
	}
	return canonical, nil
}

// check says what is wrong, without any value.
func (s *Settings) check() error {
	if len(s.Sources) == 0 {
		return errors.New("the settings have no sources")
	}
	if s.Timeout < 0 || s.FirstByte < 0 || s.Fetches < 0 {
		return errors.New("neither the timeouts nor the number of fetches may be negative")
	}
	for _, r := range s.Sources {
		if r.scheme != "" && r.scheme != "http" && r.scheme != "https" {
			return errors.New("the sources must be of http or https")
		}
	}
	names := slices.Clone(s.Pass)
	for name, values := range s.Header {
		names = append(names, name)
		if slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return fmt.Errorf("header %s: the value has a character that no header may have", name)
		}
	}
	for _, name := range names {
		if canonical, err := ParseHeaderName(name); err != nil || canonical != name {
			return cmp.Or(err, fmt.Errorf("header %s: write %s", name, canonical))
		}
	}
	if p := s.Proxy; p != nil && (p.Scheme != "http" || p.Hostname() == "" || strings.Trim(p.Path, "/") != "") {
		return errors.New("the proxy must look like http://proxy.example.com:3128")
	}
	return nil
}
