package origin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Redirects are followed by hand: each hop is a request of its own, with our
// headers and no trace of the hop before but the cookies that it set.

// follow judges a redirect like a source of its own. The guard judges its
// address again when it is dialled.
func follow(from *url.URL, location string) (*url.URL, error) {
	to, err := parseURL(location, from.Parse)
	switch {
	case err != nil:
		return nil, fail(fmt.Errorf("%w: to an invalid URL", ErrRedirects), err.Error())
	case to.Scheme != "http" && to.Scheme != "https":
		return nil, fmt.Errorf("%w: away from http and https", ErrRedirects)
	case from.Scheme == "https" && to.Scheme != "https":
		return nil, fmt.Errorf("%w: from https to http", ErrRedirects)
	}
	return to, nil
}

// Said is what an answer says of itself to caches.
type Said struct {
	Freshness
	// Tags are as in Meta.
	Tags string
}

// and is what two answers say that are of use only together: neither may be kept
// for longer than it says itself (RFC 9111 §4), and a purge may name them by the
// tags of both.
func (s Said) and(t Said) Said {
	both := Said{Freshness: s.Freshness.and(t.Freshness)}
	var ok bool
	if both.Tags, ok = join(append(strings.Fields(s.Tags), strings.Fields(t.Tags)...)); !ok {
		both.NoStore = true
	}
	return both
}

// trail is the way to a source so far.
type trail struct {
	hops int
	// at is where it has led to; "" where there was no redirect.
	at string
	// said is what the redirects said, taken together.
	said Said
}

// pass is one more redirect.
func (t *trail) pass(status int, m Meta, to *url.URL) {
	said := m.said()
	permanent := status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect
	if !said.Explicit && !permanent {
		// A permanent one that says nothing may be kept for as long as what it
		// leads to (RFC 9110 §15.4.2 and §15.4.9), another one may not (§15.4.3
		// and §15.4.8): for how long is the cache's own default to say.
		said.ByDefault = true
	}
	if t.hops > 0 {
		said = said.and(t.said)
	}
	t.hops++
	t.at, t.said = to.String(), said
}

// end is what all answers said together, the last one the source's.
func (t *trail) end(m Meta) Meta {
	if t.hops == 0 {
		return m
	}
	m.URL = t.at
	return m.behind(t.said)
}

// said is what the answer itself said, without the redirects that led to it.
func (m Meta) said() Said {
	if m.Last != nil {
		return *m.Last
	}
	return Said{m.Freshness, m.Tags}
}

// behind is what is known of a source to which there is a way that said so much.
func (m Meta) behind(way Said) Meta {
	last := m.said()
	m.Last, m.Way = &last, &way
	both := last
	both.ByDefault = both.ByDefault || !both.Explicit
	both = both.and(way)
	m.Freshness, m.Tags = both.Freshness, both.Tags
	return m
}

// Renewed is what is known of a source after a 304 for it: what was said now, by
// it and on the way to it, and else what was said before (RFC 9111 §4.3.4).
func (m Meta) Renewed(now Meta) Meta {
	before, said := m.said(), now.said()
	if !said.Explicit {
		noStore := said.NoStore
		said.Freshness = before.Freshness
		said.NoStore = noStore
	}
	if said.Tags == "" {
		said.Tags = before.Tags
	}
	if now.ETag != "" {
		m.ETag = now.ETag
	}
	if !now.LastModified.IsZero() {
		m.LastModified = now.LastModified
	}
	m.Freshness, m.Tags, m.Last, m.Way = said.Freshness, said.Tags, nil, nil
	if now.Way != nil {
		m = m.behind(*now.Way)
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
