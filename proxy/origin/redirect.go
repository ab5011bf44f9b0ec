package origin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Redirects are followed by hand: each hop is a request of its own, with our
// headers and no trace of the hop before but the cookies that it set.

// redirectTarget gives the URL that a redirect leads to, checked like a source's. The
// guard checks the address when it is dialled.
func redirectTarget(from *url.URL, location string) (*url.URL, error) {
	to, err := parseURL(location, from.Parse)
	switch {
	case err != nil:
		return nil, newFailure(fmt.Errorf("%w: to an invalid URL", ErrRedirects), err.Error())
	case to.Scheme != "http" && to.Scheme != "https":
		return nil, fmt.Errorf("%w: away from http and https", ErrRedirects)
	case from.Scheme == "https" && to.Scheme != "https":
		return nil, fmt.Errorf("%w: from https to http", ErrRedirects)
	}
	return to, nil
}

// CacheDirectives is what a response tells caches about itself.
type CacheDirectives struct {
	Freshness
	// Tags are as in Meta.
	Tags string
}

// merge gives the directives of a result that two responses made together: it may be
// kept for as long as both allow (RFC 9111 §4), and has the tags of both, so that a
// purge by either finds it.
func (s CacheDirectives) merge(t CacheDirectives) CacheDirectives {
	both := CacheDirectives{Freshness: s.Freshness.merge(t.Freshness)}
	var ok bool
	if both.Tags, ok = joinTags(append(strings.Fields(s.Tags), strings.Fields(t.Tags)...)); !ok {
		both.NoStore = true
	}
	return both
}

// redirectTrail is the chain of redirects that a fetch has followed.
type redirectTrail struct {
	hops int
	// at is the URL that the last redirect led to; "" where there was none.
	at string
	// directives are those of all redirects, merged.
	directives CacheDirectives
}

// addRedirect adds a redirect to the chain.
func (t *redirectTrail) addRedirect(status int, m Meta, to *url.URL) {
	said := m.finalDirectives()
	permanent := status == http.StatusMovedPermanently || status == http.StatusPermanentRedirect
	if !said.Explicit && !permanent {
		// A permanent redirect without a lifetime may be kept for as long as its
		// target (RFC 9110 §15.4.2 and §15.4.9). Another one may not (§15.4.3 and
		// §15.4.8), so that the cache's own default bounds it.
		said.ByDefault = true
	}
	if t.hops > 0 {
		said = said.merge(t.directives)
	}
	t.hops++
	t.at, t.directives = to.String(), said
}

// mergeInto merges what the redirects said into the Meta of the source's response.
func (t *redirectTrail) mergeInto(m Meta) Meta {
	if t.hops == 0 {
		return m
	}
	m.URL = t.at
	return m.withRedirects(t.directives)
}

// finalDirectives are those of the source's response alone, without the redirects'.
func (m Meta) finalDirectives() CacheDirectives {
	if m.Final != nil {
		return *m.Final
	}
	return CacheDirectives{m.Freshness, m.Tags}
}

// withRedirects is m with the directives of the redirects merged in, and with both
// kept apart in Final and Redirects.
func (m Meta) withRedirects(redirects CacheDirectives) Meta {
	final := m.finalDirectives()
	m.Final, m.Redirects = &final, &redirects
	both := final
	both.ByDefault = both.ByDefault || !both.Explicit
	both = both.merge(redirects)
	m.Freshness, m.Tags = both.Freshness, both.Tags
	return m
}

// Renewed is the Meta of a stored source after a 304 for it: fields of the 304, and of
// the redirects that led to it, replace those of before (RFC 9111 §4.3.4).
func (m Meta) Renewed(now Meta) Meta {
	before, said := m.finalDirectives(), now.finalDirectives()
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
	m.Freshness, m.Tags = said.Freshness, said.Tags
	m.Final, m.Redirects = nil, nil
	if now.Redirects != nil {
		m = m.withRedirects(*now.Redirects)
	}
	return m
}

// merge gives the lifetime of a result that two responses made together.
func (f Freshness) merge(g Freshness) Freshness {
	both := Freshness{
		NoStore:    f.NoStore || g.NoStore,
		Explicit:   f.Explicit || g.Explicit,
		ByDefault:  f.ByDefault || g.ByDefault,
		StaleWhile: f.StaleWhile.merge(g.StaleWhile),
		StaleError: f.StaleError.merge(g.StaleError),
	}
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

func (w Window) merge(v Window) Window {
	if w.Said && v.Said {
		return Window{true, min(w.For, v.For)}
	}
	if w.Said {
		return w
	}
	return v
}
