package origin

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// access is how some sources are fetched: their Settings, or none, and the transport.
type access struct {
	Settings
	transport *http.Transport
	cfg       Config
}

// newAccesses makes the accesses of Config.Origins.
func newAccesses(cfg Config, g *guard, shared *http.Transport) (all []*access, err error) {
	rules := map[SourceRule]string{}
	for _, s := range cfg.Origins {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("origin %q: %w", s.Name, err)
		}
		for _, r := range s.Sources {
			if other, twice := rules[r]; twice {
				return nil, fmt.Errorf("origins %q and %q have the same source", other, s.Name)
			}
			rules[r] = s.Name
		}
		a := &access{Settings: s, transport: shared, cfg: cfg}
		if s.Timeout > 0 {
			a.cfg.Timeout, a.cfg.FirstByte = s.Timeout, s.Timeout/2
		}
		if s.FirstByte > 0 {
			a.cfg.FirstByte = s.FirstByte
		}
		if s.Roots != nil || s.Certificate != nil || s.Proxy != nil || s.Fetches > shared.MaxConnsPerHost {
			a.transport = newTransport(g)
			a.configureTransport()
		}
		all = append(all, a)
	}
	return all, nil
}

// configureTransport makes the transport, which is a new one, that of the settings.
func (a *access) configureTransport() {
	t := a.transport
	t.MaxConnsPerHost = max(t.MaxConnsPerHost, a.Fetches)
	if a.Roots != nil || a.Certificate != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: a.Roots, MinVersion: tls.VersionTLS12}
	}
	if a.Certificate != nil {
		t.TLSClientConfig.Certificates = []tls.Certificate{*a.Certificate}
	}
	if a.Proxy != nil {
		t.Proxy = http.ProxyURL(a.Proxy)
		t.DialContext = dialOnly(a.Proxy)
	}
}

// accessTo is the access to a URL; that without settings where there are none for it.
func (f *Fetcher) accessTo(u *url.URL) *access {
	best, most := f.plain, precision{}
	for _, a := range f.accesses {
		for _, r := range a.Sources {
			if p := r.precision(); r.matches(location{url: u}) && p.compare(most) > 0 {
				best, most = a, p
			}
		}
	}
	return best
}

// precision orders rules that match the same source.
type precision struct{ host, path, scheme int }

func (r SourceRule) precision() (p precision) {
	const exact = 1 << 16 // more than any name below a domain
	switch {
	case r.host == "":
		p.host = 1
	case r.below:
		p.host = 1 + len(r.host)
	default:
		p.host = exact
	}
	p.path = len(r.folder)
	if r.file != "" {
		p.path = exact + len(r.file)
	}
	if r.scheme != "" {
		p.scheme = 1
	}
	return p
}

func (p precision) compare(q precision) int {
	return cmp.Or(cmp.Compare(p.host, q.host), cmp.Compare(p.path, q.path), cmp.Compare(p.scheme, q.scheme))
}

// setHeaders adds the headers of the settings to a request, and those that are passed on.
func (a *access) setHeaders(h http.Header, passed Passed) {
	for _, name := range a.Pass {
		if values := passed.header[name]; values != nil {
			h[name] = slices.Clone(values)
		}
	}
	for name, values := range a.Header {
		h[name] = slices.Clone(values)
	}
}

// Bound is what fetches of a source are counted by, its host, bucket or the name of its settings, and how many there
// may be at the same time, 0 for the usual number. Nothing counts a local source and one that Check refuses.
func (f *Fetcher) Bound(source string) (group string, most int) {
	at, err := f.parseSource(source)
	switch {
	case err != nil:
		return "", 0
	case at.object != (Object{}):
		return hostOf(at.object.site()), 0
	case at.url == nil:
		return "", 0
	}
	if a := f.accessTo(at.url); a.Fetches > 0 {
		return "origin " + a.Name, a.Fetches
	}
	return strings.ToLower(at.url.Host), 0
}

// PassedHeaders are the canonical names of the headers that go on from a client's request to the origin of a
// source, in their order; nil for none.
func (f *Fetcher) PassedHeaders(source string) []string {
	if !f.passes {
		return nil
	}
	at, err := f.parseSource(source)
	if err != nil || at.url == nil {
		return nil
	}
	return f.accessTo(at.url).Pass
}
