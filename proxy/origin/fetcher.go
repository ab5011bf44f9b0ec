package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The ways in which a fetch fails. Their texts are for people and hold nothing
// but what the URL says; the causes behind some are for the log.
var (
	// ErrBadSource: the source is not a URL that could be fetched.
	ErrBadSource = errors.New("bad source URL")
	// ErrSourceNotAllowed: a kind of source that is not served here.
	ErrSourceNotAllowed = errors.New("source not allowed")
	// ErrRefused: the address guard refused to connect. From outside it must
	// look like ErrUnreachable.
	ErrRefused = errors.New("address refused")
	// ErrUnreachable: no connection, or it broke before an answer.
	ErrUnreachable = errors.New("source unreachable")
	// ErrNotFound: 404, 410, or no such file.
	ErrNotFound = errors.New("source not found")
	// ErrStatus: any other status but 200.
	ErrStatus = errors.New("source answered with an error")
	// ErrRedirects: too many, or to where none may lead.
	ErrRedirects = errors.New("bad redirect")
	// ErrEncoding: a Content-Encoding that was not asked for.
	ErrEncoding = errors.New("source is encoded")
	// ErrTimeout: too slow, as a whole or while it was read.
	ErrTimeout = errors.New("source too slow")
	// ErrTooLarge: more bytes than are allowed.
	ErrTooLarge = errors.New("source too large")
	// ErrTruncated: the body ended before its declared end.
	ErrTruncated = errors.New("source cut off")
)

// Config configures a Fetcher. Zero fields mean the defaults.
type Config struct {
	// MaxBytes bounds a body as it is read; default 64 MiB.
	MaxBytes int64
	// Timeout bounds what an origin takes from the connection on, body
	// included; default 10 s. Waiting for a connection to be free or for a
	// reservation is not the origin's time.
	Timeout time.Duration
	// MinRate is the least bytes a second that a body must come in on average,
	// looked at from its third second on; default 8 KiB, negative means none.
	MinRate int64
	// AllowNetworks are exempt from the address guard.
	AllowNetworks []netip.Prefix
	// Local is where local:///path is looked up; nil means that no local
	// source is served.
	Local fs.FS
	// MaxRedirects is how many are followed; default 5.
	MaxRedirects int
	// UserAgent is what origins see; default "pictor".
	UserAgent string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Fetcher fetches. It is safe for concurrent use.
type Fetcher struct {
	cfg    Config
	client *http.Client
}

// Meta is what an origin says about a source.
type Meta struct {
	// ETag and LastModified are the origin's validators; empty and zero where
	// it gives none.
	ETag         string
	LastModified time.Time
	// Size is the bytes written.
	Size int64
	Freshness
}

// New makes a Fetcher.
func New(cfg Config) (*Fetcher, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 64 << 20
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MinRate == 0 {
		cfg.MinRate = 8 << 10
	}
	if cfg.MaxRedirects <= 0 {
		cfg.MaxRedirects = 5
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "pictor"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := &Fetcher{cfg: cfg}
	f.client = &http.Client{Transport: newTransport(cfg), CheckRedirect: f.checkRedirect}
	return f, nil
}

// Close lets idle connections go.
func (f *Fetcher) Close() { f.client.CloseIdleConnections() }

const localScheme = "local"

// Check looks at a source's URL without any network: ErrBadSource or
// ErrSourceNotAllowed.
func (f *Fetcher) Check(source string) error {
	_, err := f.parse(source)
	return err
}

func (f *Fetcher) parse(source string) (*url.URL, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be read as a URL", ErrBadSource)
	}
	switch u.Scheme {
	case "http", "https":
		return u, checkHost(u)
	case localScheme:
		if f.cfg.Local == nil {
			return nil, fmt.Errorf("%w: local sources need local-root", ErrSourceNotAllowed)
		}
		return u, nil
	case "":
		return nil, fmt.Errorf("%w: it has no scheme; say https://", ErrBadSource)
	}
	return nil, fmt.Errorf("%w: its scheme is not http, https or local", ErrSourceNotAllowed)
}

func checkHost(u *url.URL) error {
	switch {
	case u.Hostname() == "":
		return fmt.Errorf("%w: it has no host", ErrBadSource)
	case u.User != nil:
		return fmt.Errorf("%w: it holds a user name or a password", ErrBadSource)
	case strings.Contains(u.Hostname(), "%"):
		return fmt.Errorf("%w: its address names a zone", ErrBadSource)
	}
	return nil
}

// Fetch writes a source to w. reserve, unless nil, is told how many more bytes
// are about to be written, before they are: the whole length at once where the
// origin declares it, else step by step. Its error ends the fetch and is
// returned as it is; so is an error of w. A failed fetch may have written a part.
func (f *Fetcher) Fetch(ctx context.Context, source string, w io.Writer, reserve func(n int64) error) (Meta, error) {
	u, err := f.parse(source)
	if err != nil {
		return Meta{}, err
	}
	if reserve == nil {
		reserve = func(int64) error { return nil }
	}
	if u.Scheme == localScheme {
		return f.fetchLocal(source, w, reserve)
	}
	ctx, watch := newStopwatch(ctx, f.cfg.Timeout)
	defer watch.end()
	return f.fetchHTTP(ctx, u, w, func(n int64) error {
		watch.pause()
		defer watch.resume()
		return reserve(n)
	})
}

// tooLarge is the error for a body of over MaxBytes.
func (f *Fetcher) tooLarge() error {
	return fmt.Errorf("%w: it has more than the %d bytes that max-source-size allows", ErrTooLarge, f.cfg.MaxBytes)
}
