package origin

import (
	"compress/gzip"
	"context"
	"errors"
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
func newTransport(cfg Config) *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second, Control: newGuard(cfg.AllowNetworks).control}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  cfg.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        32,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		// A body is read as it comes: what inflates on the way in would be
		// counted too late.
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
	}
}

// checkRedirect judges each hop like a source of its own. The guard judges its
// address again when it is dialled.
func (f *Fetcher) checkRedirect(next *http.Request, via []*http.Request) error {
	switch {
	case len(via) > f.cfg.MaxRedirects:
		return fmt.Errorf("%w: more than %d", ErrRedirects, f.cfg.MaxRedirects)
	case next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return fmt.Errorf("%w: away from http", ErrRedirects)
	case via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https":
		return fmt.Errorf("%w: from https to http", ErrRedirects)
	case checkHost(next.URL) != nil:
		return fmt.Errorf("%w: to a bad URL", ErrRedirects)
	}
	next.Header.Del("Referer")
	return nil
}

func (f *Fetcher) fetchHTTP(ctx context.Context, u *url.URL, w io.Writer, reserve func(int64) error) (Meta, error) {
	resp, err := f.get(ctx, u)
	if err != nil {
		return Meta{}, err
	}
	defer resp.Body.Close()
	body, size := io.Reader(resp.Body), resp.ContentLength
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		// Some servers compress unasked. It is undone under the same bounds.
		zipped, err := gzip.NewReader(resp.Body)
		if err != nil {
			return Meta{}, transferError(ctx, err)
		}
		body, size = zipped, -1
	default:
		return Meta{}, fmt.Errorf("%w: by %s", ErrEncoding, "an encoding that was not asked for")
	}
	n, err := f.copy(ctx, w, body, size, reserve)
	if err != nil {
		return Meta{}, err
	}
	meta := Meta{ETag: resp.Header.Get("ETag"), Size: n, Freshness: freshness(resp.Header, f.cfg.Now())}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		meta.LastModified = t
	}
	return meta, nil
}

func (f *Fetcher) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	u.Fragment = ""
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: no request can be made of it", ErrBadSource)
	}
	req.Header.Set("User-Agent", f.cfg.UserAgent)
	req.Header.Set("Accept", "image/avif,image/webp,image/*,*/*;q=0.5")
	req.Header.Set("Accept-Encoding", "identity")
	// Tells a pictor that is its own origin, by mistake or by design, from others.
	req.Header.Set("Via", "1.1 pictor")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, transferError(ctx, err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return resp, nil
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		err = ErrNotFound
	default:
		err = fmt.Errorf("%w: status %d", ErrStatus, resp.StatusCode)
	}
	resp.Body.Close()
	return nil, err
}

// step is what is reserved at a time where the length is not known.
const step = 1 << 20

// copy moves the body, never more of it than is reserved.
func (f *Fetcher) copy(ctx context.Context, w io.Writer, body io.Reader, size int64, reserve func(int64) error) (int64, error) {
	if size > f.cfg.MaxBytes {
		return 0, f.tooLarge()
	}
	left := max(size, 0)
	if left > 0 {
		if err := reserve(left); err != nil {
			return 0, err
		}
	}
	var total int64
	buf := make([]byte, 32<<10)
	start := f.cfg.Now()
	for {
		n, err := body.Read(buf)
		total += int64(n)
		if total > f.cfg.MaxBytes {
			return total, f.tooLarge()
		}
		for int64(n) > left {
			if err := reserve(step); err != nil {
				return total, err
			}
			left += step
		}
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return total, err
			}
			left -= int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, transferError(ctx, err)
		case f.tooSlow(total, f.cfg.Now().Sub(start)):
			return total, fmt.Errorf("%w: it trickles", ErrTimeout)
		}
	}
}

// grace is how long a body may take to get going.
const grace = 2 * time.Second

func (f *Fetcher) tooSlow(total int64, since time.Duration) bool {
	return f.cfg.MinRate > 0 && since > grace && float64(total) < float64(f.cfg.MinRate)*(since-grace).Seconds()
}

// transferError sorts the errors of the HTTP client. Its texts name addresses,
// so only the sentinel's own words come first; the cause goes to the log.
func transferError(ctx context.Context, err error) error {
	for _, own := range []error{ErrRefused, ErrRedirects} {
		if errors.Is(err, own) {
			return err
		}
	}
	var timeout net.Error
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrTimeout):
		return ErrTimeout
	case cause != nil:
		return cause
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %v", ErrTimeout, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("%w: %v", ErrTruncated, err)
	}
	return fmt.Errorf("%w: %v", ErrUnreachable, err)
}
