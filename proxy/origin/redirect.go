package origin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Redirects are followed by hand: each hop is a request of its own, with our
// headers and no trace of the hop before.

// follow judges a redirect like a source of its own. The guard judges its
// address again when it is dialled.
func follow(from *url.URL, location string) (*url.URL, error) {
	to, err := parseURL(location, from.Parse)
	switch {
	case err != nil:
		return nil, fail(fmt.Errorf("%w: to a bad URL", ErrRedirects), err.Error())
	case to.Scheme != "http" && to.Scheme != "https":
		return nil, fmt.Errorf("%w: away from http", ErrRedirects)
	case from.Scheme == "https" && to.Scheme != "https":
		return nil, fmt.Errorf("%w: from https to http", ErrRedirects)
	}
	return to, nil
}

// trail is the way to a source so far.
type trail struct {
	hops int
	// at is where it has led to; "" where there was no redirect.
	at string
	// said is what the redirects said, taken together.
	said Meta
}

// pass is one more redirect.
func (t *trail) pass(status int, said Meta, to *url.URL) {
	permanent := status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect
	if !said.Explicit && !permanent {
		// A permanent one that says nothing may be kept for as long as what it
		// leads to (RFC 9110 §15.4.2 and §15.4.9), another one may not (§15.4.3
		// and §15.4.8): for how long is the cache's own default to say.
		said.ByDefault = true
	}
	if t.hops > 0 {
		said = said.behind(t.said)
	}
	t.hops++
	t.at, t.said = to.String(), said
}

// end is what all answers said together, the last one the source's.
func (t *trail) end(m Meta) Meta {
	if t.hops == 0 {
		return m
	}
	m = m.behind(t.said)
	m.URL = t.at
	return m
}

// behind is what is known of a source that a redirect led to: neither answer
// may be kept for longer than it says itself (RFC 9111 §4), and a purge may
// name it by the tags of both.
func (m Meta) behind(redirect Meta) Meta {
	m.Freshness = m.Freshness.and(redirect.Freshness)
	all := append(strings.Fields(m.Tags), strings.Fields(redirect.Tags)...)
	var ok bool
	if m.Tags, ok = join(all); !ok {
		m.NoStore = true
	}
	return m
}

// and is how long two answers may be kept that are of use only together.
func (f Freshness) and(g Freshness) Freshness {
	both := Freshness{NoStore: f.NoStore || g.NoStore, Explicit: f.Explicit || g.Explicit, ByDefault: f.ByDefault || g.ByDefault,
		StaleWhile: f.StaleWhile.and(g.StaleWhile), StaleError: f.StaleError.and(g.StaleError)}
	switch {
	case f.Explicit && g.Explicit:
		both.TTL = min(f.TTL, g.TTL)
	case f.Explicit:
		both.TTL = f.TTL
	default:
		both.TTL = g.TTL
	}
	return both
}

func (w Window) and(v Window) Window {
	if w.Said && v.Said {
		return Window{true, min(w.For, v.For)}
	}
	if w.Said {
		return w
	}
	return v
}
