package origin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client is what a fetch has of the request of a client that it is for.
type Client struct {
	// Hops are the proxies that the request has passed, Passed the headers that go on to the origin.
	Hops   Hops
	Passed Passed
	// Trace is told of requests; nil for none.
	Trace Trace
}

// Trace is told of requests to origins.
type Trace interface {
	// Begin is told of a request before it is sent, and may add headers to it that say which trace it is part of. end
	// is told the status of its response, or 0 and why there is none.
	Begin(req *http.Request) (end func(status int, err error))
}

// httpFetch is the fetch of one source of http or https.
type httpFetch struct {
	f      *Fetcher
	ctx    context.Context
	pace   *paceClock
	client Client
	// access is that of the source. It holds for redirects that lead to a source of the same settings.
	access *access
	// retried says that a request of the fetch was made once more.
	retried bool
}

func (f *Fetcher) fetchHTTP(ctx context.Context, u *url.URL, client Client, have Validators, w io.Writer,
	reserve func(int64) error) (meta Meta, changed bool, err error) {
	r := &httpFetch{f: f, client: client, access: f.accessTo(u)}
	ctx, p := newPaceClock(ctx, r.access.cfg)
	defer p.stop()
	r.ctx, r.pace = ctx, p
	resp, meta, attempt, err := r.getSource(u, have)
	if err != nil {
		return Meta{}, false, err
	}
	defer func() { attempt.recordEnd(err) }()
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified {
		return meta, false, nil
	}
	p.bodyBegan()
	wire := &wireBody{cfg: f.cfg, ctx: ctx, pace: p, body: resp.Body, size: resp.ContentLength}
	body, size, err := f.cfg.decodeBody(wire, resp.Header)
	if err != nil {
		return Meta{}, false, err
	}
	meta.Size, err = f.cfg.copyBody(w, body, size, func(n int64) error {
		return p.pauseWhile(func() error { return reserve(n) })
	})
	if err != nil {
		return Meta{}, false, err
	}
	return meta, true, nil
}

// roundTrip sends a request and waits for the header of its response, unless the
// host is suspended.
func (r *httpFetch) roundTrip(req *http.Request, a *access) (*http.Response, *attempt, error) {
	attempt, err := r.f.breakers.beginAttempt(req.URL, r.f.originOfURL(req.URL))
	if err != nil {
		return nil, nil, err
	}
	var resp *http.Response
	if a.Proxy != nil {
		err = r.f.guardBehindProxy(req.URL)
	}
	if err == nil {
		resp, err = r.send(req, a.transport, attempt)
	}
	r.pace.responseBegan()
	if err != nil {
		err = transportFailure(r.ctx, ErrUnreachable, err)
		attempt.recordEnd(err)
		return nil, nil, err
	}
	attempt.recordHeader(resp)
	return resp, attempt, nil
}

// metaOf reads the Meta of a source from the headers of its response.
func (f *Fetcher) metaOf(h http.Header) Meta {
	meta := Meta{ETag: h.Get("ETag"), ContentType: h.Get("Content-Type"), Freshness: parseFreshness(h, f.cfg.Now())}
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		meta.LastModified = t
	}
	var ok bool
	if meta.Tags, ok = tagsOf(h); !ok {
		meta.NoStore = true // a purge by a tag that is left out would miss it
	}
	return meta
}

// getSource follows redirects until a response has the whole source, of which
// ContentLength then is the size, or is a 304 to a conditional request. The Meta is
// merged with what the redirects said. The caller ends the attempt.
func (r *httpFetch) getSource(u *url.URL, have Validators) (*http.Response, Meta, *attempt, error) {
	f := r.f
	var trail redirectTrail
	var jar cookies
	for {
		req, access := r.newRequest(u)
		jar.send(req)
		conditional := have.URL == trail.at && have.setHeaders(req.Header)
		resp, attempt, err := r.roundTrip(req, access)
		if err != nil {
			return nil, Meta{}, nil, err
		}
		switch {
		case resp.StatusCode == http.StatusNotModified && conditional && !have.matchesETag(resp.Header.Get("ETag")):
			// The 304 is about another representation than the stored one, and must
			// not update it (RFC 9111 §4.3.4).
			attempt.recordEnd(nil)
			discardBody(resp)
			have = Validators{}
			continue
		case resp.StatusCode == http.StatusNotModified && conditional:
			return resp, trail.mergeInto(f.metaOf(resp.Header)), attempt, nil
		case 200 <= resp.StatusCode && resp.StatusCode < 300:
			if resp.ContentLength, err = wholeSize(resp); err == nil {
				return resp, trail.mergeInto(f.metaOf(resp.Header)), attempt, nil
			}
			attempt.recordEnd(nil)
			discardBody(resp)
			return nil, Meta{}, nil, err
		}
		attempt.recordEnd(nil)
		discardBody(resp)
		if err := statusError(resp); err != nil {
			return nil, Meta{}, nil, r.client.Hops.withHops(err)
		}
		if trail.hops >= f.cfg.MaxRedirects {
			return nil, Meta{}, nil, fmt.Errorf("%w: more than %d redirects", ErrRedirects, max(0, f.cfg.MaxRedirects))
		}
		jar.keep(u, resp)
		if u, err = redirectTarget(u, resp.Header.Get("Location")); err != nil {
			return nil, Meta{}, nil, err
		}
		if f.permits(location{url: u}) != nil {
			return nil, Meta{}, nil, newFailure(ErrRedirects, "to "+u.Host+", which --allow-sources does not allow")
		}
		trail.addRedirect(resp.StatusCode, f.metaOf(resp.Header), u)
	}
}

// statusError gives the error of a response that is no success; nil for a redirect.
// Statuses that concern the source are kept apart from those by which an origin says
// that it fails, or wants fewer requests (RFC 5861 §4).
func statusError(resp *http.Response) error {
	switch code := resp.StatusCode; code {
	case http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons:
		return newFailure(ErrNotFound, resp.Status)
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		if resp.Header.Get("Location") == "" {
			return newFailure(ErrStatus, resp.Status+" without a Location")
		}
		return nil
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return newFailure(ErrStatus, resp.Status)
	case http.StatusLoopDetected:
		if isLoop(resp) {
			return fmt.Errorf("%w: the source leads back to a server that fetches it; %s", ErrLoop, useOriginal)
		}
		return newFailure(ErrStatus, resp.Status)
	default:
		if 400 <= code && code < 500 {
			return newFailure(ErrDenied, resp.Status)
		}
		return newFailure(ErrStatus, resp.Status)
	}
}

// setHeaders makes a request conditional (RFC 9110 §13.1.2 and §13.1.3), if there is
// a validator to compare with.
func (v Validators) setHeaders(h http.Header) bool {
	if v.ETag != "" {
		h["If-None-Match"] = []string{v.ETag}
	}
	if !v.LastModified.IsZero() {
		h["If-Modified-Since"] = []string{v.LastModified.UTC().Format(http.TimeFormat)}
	}
	return v.ETag != "" || !v.LastModified.IsZero()
}

// matchesETag says whether a 304 has no entity tag, or the one that the request had, by
// weak comparison (RFC 9110 §8.8.3.2).
func (v Validators) matchesETag(etag string) bool {
	return etag == "" || v.ETag == "" || strings.TrimPrefix(etag, "W/") == strings.TrimPrefix(v.ETag, "W/")
}

// newRequest makes a request, and gives the access that it has: the settings of the source hold where they are
// for the URL as well, and else none do. Another origin's would tell that one's secrets by a redirect to it.
func (r *httpFetch) newRequest(u *url.URL) (*http.Request, *access) {
	req := (&http.Request{
		Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"User-Agent": {r.f.cfg.UserAgent},
			// No type by name: an origin that negotiates would send a WebP or
			// an AVIF of its own making instead of the picture it was given.
			"Accept": {"image/*,*/*;q=0.8"},
			// Images do not get smaller by gzip: it would cost the origin's time and
			// the declared length. A body that is coded all the same is decoded.
			"Accept-Encoding": {"identity"},
		},
	}).WithContext(r.ctx)
	r.client.Hops.setHeaders(req.Header, r.f.cfg.ID)
	if r.f.accessTo(u) != r.access {
		return req, r.f.plain
	}
	r.access.setHeaders(req.Header, r.client.Passed)
	return req, r.access
}

// discardBody closes a response that is of no use. It reads a short body, so that the
// connection can be used again.
func discardBody(resp *http.Response) {
	const short = 4 << 10
	if 0 <= resp.ContentLength && resp.ContentLength <= short {
		_, _ = io.CopyN(io.Discard, resp.Body, short) // if it breaks, so does the connection
	}
	resp.Body.Close()
}
