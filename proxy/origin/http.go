package origin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Via is what each request to an origin says in the header of this name
// (RFC 9110 §7.6.3), so that an origin's log tells who asked.
const Via = "1.1 pictor"

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

func (f *Fetcher) fetchHTTP(ctx context.Context, u *url.URL, w io.Writer, reserve func(int64) error) (Meta, error) {
	ctx, p := newPace(ctx, f.cfg.Timeout, f.cfg.MinRate)
	defer p.stop()
	resp, err := f.get(ctx, u)
	if err != nil {
		return Meta{}, err
	}
	defer resp.Body.Close()
	p.begin()
	body, size, err := decode(&wire{f: f, ctx: ctx, pace: p, body: resp.Body}, resp.ContentLength, resp.Header)
	if err != nil {
		return Meta{}, err
	}
	n, err := f.copy(w, body, size, func(n int64) error {
		return p.hold(func() error { return reserve(n) })
	})
	if err != nil {
		return Meta{}, err
	}
	meta := Meta{
		ETag:        resp.Header.Get("ETag"),
		ContentType: resp.Header.Get("Content-Type"),
		Size:        n,
		Freshness:   freshness(resp.Header, f.cfg.Now()),
	}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		meta.LastModified = t
	}
	return meta, nil
}

// get asks until the answer is a 200. Redirects are followed by hand: each hop
// is a request of its own, with our headers and no trace of the hop before.
func (f *Fetcher) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	for hop := 0; ; hop++ {
		resp, err := f.transport.RoundTrip(f.request(ctx, u))
		if err != nil {
			return nil, blame(ctx, ErrUnreachable, err)
		}
		if resp.StatusCode == http.StatusOK {
			return resp, nil
		}
		discard(resp)
		switch location := resp.Header.Get("Location"); resp.StatusCode {
		case http.StatusNotFound, http.StatusGone:
			return nil, ErrNotFound
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			if location == "" {
				return nil, fail(ErrStatus, resp.Status+" without a Location")
			}
			if hop >= f.cfg.MaxRedirects {
				return nil, fmt.Errorf("%w: more than %d", ErrRedirects, max(0, f.cfg.MaxRedirects))
			}
			if u, err = follow(u, location); err != nil {
				return nil, err
			}
		default:
			return nil, fail(ErrStatus, resp.Status)
		}
	}
}

func (f *Fetcher) request(ctx context.Context, u *url.URL) *http.Request {
	req := (&http.Request{
		Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"User-Agent": {f.cfg.UserAgent},
			// No type by name: an origin that negotiates would send a WebP or
			// an AVIF of its own making instead of the picture it was given.
			"Accept":          {"image/*,*/*;q=0.8"},
			"Accept-Encoding": {"identity"},
			"Via":             {Via},
		},
	})
	return req.WithContext(ctx)
}

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

// discard ends an answer that nobody wants. A short body is read, so that the
// connection can be used again.
func discard(resp *http.Response) {
	const short = 4 << 10
	if 0 <= resp.ContentLength && resp.ContentLength <= short {
		_, _ = io.CopyN(io.Discard, resp.Body, short) // if it breaks, so does the connection
	}
	resp.Body.Close()
}
