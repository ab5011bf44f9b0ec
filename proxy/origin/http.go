package origin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// newTransport makes the one way out: through the address guard, with no
// proxy of the environment, behind which the guard would see only the proxy.
// How long an answer may take is pace's affair.
func newTransport(g *guard) *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second, ControlContext: g.control}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        32,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		// What inflates on the way in would be counted too late.
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
		HTTP2: &http.HTTP2Config{
			// What an origin may send ahead while nobody reads waits on the
			// heap, reserved by nobody: net/http would let it be 4 MiB for each
			// fetch that waits for memory. This much brings 2.5 MB a second
			// from an origin 50 ms away.
			MaxReceiveBufferPerStream: 128 << 10,
			// A connection that died in silence would fail every fetch from
			// its host until the kernel noticed.
			SendPingTimeout: 15 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

func (f *Fetcher) fetchHTTP(ctx context.Context, u *url.URL, hops Hops, have Validators, w io.Writer,
	reserve func(int64) error) (meta Meta, changed bool, err error) {
	ctx, p := newPace(ctx, f.cfg)
	defer p.stop()
	resp, meta, attempt, err := f.get(ctx, p, u, hops, have)
	if err != nil {
		return Meta{}, false, err
	}
	defer func() { attempt.end(err) }()
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified {
		return meta, false, nil
	}
	p.begin()
	body, size, err := f.decode(&wire{f: f, ctx: ctx, pace: p, body: resp.Body, size: resp.ContentLength}, resp.Header)
	if err != nil {
		return Meta{}, false, err
	}
	meta.Size, err = f.copy(w, body, size, func(n int64) error {
		return p.hold(func() error { return reserve(n) })
	})
	if err != nil {
		return Meta{}, false, err
	}
	return meta, true, nil
}

// ask makes a request, if its host is not suspended.
func (f *Fetcher) ask(ctx context.Context, p *pace, req *http.Request) (*http.Response, *attempt, error) {
	attempt, err := f.breakers.enter(req.URL)
	if err != nil {
		return nil, nil, err
	}
	resp, err := f.transport.RoundTrip(req)
	p.answered()
	if err != nil {
		err = blame(ctx, ErrUnreachable, err)
		attempt.end(err)
		return nil, nil, err
	}
	attempt.answered(resp)
	return resp, attempt, nil
}

// metaOf is what headers say of a source.
func (f *Fetcher) metaOf(h http.Header) Meta {
	meta := Meta{ETag: h.Get("ETag"), ContentType: h.Get("Content-Type"), Freshness: freshness(h, f.cfg.Now())}
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		meta.LastModified = t
	}
	var ok bool
	if meta.Tags, ok = tags(h); !ok {
		meta.NoStore = true // it could not be purged by those that are left out
	}
	return meta
}

// get asks until the response has the whole source, of which ContentLength then
// is the size, or is a 304 where that was asked for. The Meta is also of the
// redirects that led there. The caller ends the attempt.
func (f *Fetcher) get(ctx context.Context, p *pace, u *url.URL, hops Hops, have Validators) (*http.Response, Meta, *attempt, error) {
	var way trail
	var jar cookies
	for {
		req := f.request(ctx, u)
		hops.set(req.Header, f.cfg.ID)
		jar.send(req)
		conditional := have.URL == way.at && have.set(req.Header)
		resp, attempt, err := f.ask(ctx, p, req)
		if err != nil {
			return nil, Meta{}, nil, err
		}
		switch {
		case resp.StatusCode == http.StatusNotModified && conditional && !have.names(resp.Header.Get("ETag")):
			// It is about something else than what was asked about: it must not be
			// taken for that (RFC 9111 §4.3.4).
			attempt.end(nil)
			discard(resp)
			have = Validators{}
			continue
		case resp.StatusCode == http.StatusNotModified && conditional:
			return resp, way.end(f.metaOf(resp.Header)), attempt, nil
		case 200 <= resp.StatusCode && resp.StatusCode < 300:
			if resp.ContentLength, err = whole(resp); err == nil {
				return resp, way.end(f.metaOf(resp.Header)), attempt, nil
			}
			attempt.end(nil)
			discard(resp)
			return nil, Meta{}, nil, err
		}
		attempt.end(nil)
		discard(resp)
		if err := refusal(resp); err != nil {
			return nil, Meta{}, nil, hops.blame(err)
		}
		if way.hops >= f.cfg.MaxRedirects {
			return nil, Meta{}, nil, fmt.Errorf("%w: more than %d redirects", ErrRedirects, max(0, f.cfg.MaxRedirects))
		}
		jar.keep(u, resp)
		if u, err = follow(u, resp.Header.Get("Location")); err != nil {
			return nil, Meta{}, nil, err
		}
		way.pass(resp.StatusCode, f.metaOf(resp.Header), u)
	}
}

// refusal is what an answer means that is neither a success nor a redirect to the
// source; nil for a redirect. What tells of the source is told apart from what only
// tells that the origin is not well, or wants to be left alone (RFC 5861 §4).
func refusal(resp *http.Response) error {
	switch code := resp.StatusCode; code {
	case http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons:
		return fail(ErrNotFound, resp.Status)
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if resp.Header.Get("Location") == "" {
			return fail(ErrStatus, resp.Status+" without a Location")
		}
		return nil
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return fail(ErrStatus, resp.Status)
	case http.StatusLoopDetected:
		if isLoop(resp) {
			return fmt.Errorf("%w: the source leads back to a server that fetches it; %s", ErrLoop, useOriginal)
		}
		return fail(ErrStatus, resp.Status)
	default:
		if 400 <= code && code < 500 {
			return fail(ErrDenied, resp.Status)
		}
		return fail(ErrStatus, resp.Status)
	}
}

// set makes a request one that need not be answered in full (RFC 9110
// §13.1.2 and §13.1.3), if there is anything to compare with.
func (v Validators) set(h http.Header) bool {
	if v.ETag != "" {
		h["If-None-Match"] = []string{v.ETag}
	}
	if !v.LastModified.IsZero() {
		h["If-Modified-Since"] = []string{v.LastModified.UTC().Format(http.TimeFormat)}
	}
	return v.ETag != "" || !v.LastModified.IsZero()
}

// names says whether the tag of a 304 is the one that was asked with, by weak
// comparison (RFC 9110 §8.8.3.2), or none.
func (v Validators) names(etag string) bool {
	return etag == "" || v.ETag == "" || strings.TrimPrefix(etag, "W/") == strings.TrimPrefix(v.ETag, "W/")
}

func (f *Fetcher) request(ctx context.Context, u *url.URL) *http.Request {
	req := (&http.Request{
		Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"User-Agent": {f.cfg.UserAgent},
			// No type by name: an origin that negotiates would send a WebP or
			// an AVIF of its own making instead of the picture it was given.
			"Accept": {"image/*,*/*;q=0.8"},
			// Images do not get smaller by gzip: it would cost the origin's time and
			// the declared length. What comes coded all the same is decoded.
			"Accept-Encoding": {"identity"},
		},
	})
	return req.WithContext(ctx)
}

// discard ends an answer that nobody wants. A short body is read, so that the
// connection can be used again.
func discard(resp *http.Response) {
	const short = 4 << 10
	if 0 <= resp.ContentLength && resp.ContentLength <= short {
		_, _ = io.CopyN(io.Discard, resp.Body, short) // if it breaks, so does the connection
	}
	resp.Body.Close()
}
