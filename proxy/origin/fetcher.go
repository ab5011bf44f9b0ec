package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Config configures a Fetcher. Zero fields mean the defaults.
type Config struct {
	// MaxBytes bounds a body as it is read, and what each of its content codings
	// makes of it; default 64 MiB.
	MaxBytes int64
	// Timeout bounds what an origin takes, redirects and body included;
	// default 10 s. To wait for a connection or for a reservation is not the
	// origin's time; to make a connection takes 8 s at most. A local file has
	// no bound but its context's, which ends the wait also where a file system hangs.
	Timeout time.Duration
	// FirstByte bounds what an origin takes from when it is asked until its
	// response begins, for each redirect anew; default half of Timeout.
	FirstByte time.Duration
	// MinRate is the least bytes a second in which a body must come, on
	// average since its beginning and by the same clock, from its third second
	// on; default 8 KiB, negative means none.
	MinRate int64
	// AllowNetworks are exempt from the address guard.
	AllowNetworks []netip.Prefix
	// Local is where local:///path is looked up; nil means that no local
	// source is served. Its Stat must open nothing. RegularFiles lets no link
	// lead out of its root, and opens regular files alone.
	Local fs.StatFS
	// MaxRedirects is how many are followed; default 5, negative means none.
	MaxRedirects int
	// ID is the pseudonym of this instance in the Via and CDN-Loop of its
	// requests, a token; default a new one by chance.
	ID string
	// UserAgent is what origins see; default "pictor".
	UserAgent string
	// Now is the clock that freshness and suspensions are counted by; default time.Now.
	Now func() time.Time
}

// Fetcher fetches. It is safe for concurrent use.
type Fetcher struct {
	cfg       Config
	transport *http.Transport
	breakers  *breakers
	local     localIO
}

// Meta is what an origin says about a source.
type Meta struct {
	// ETag, LastModified and ContentType are the origin's words, checked by
	// nobody; empty and zero where it says nothing. A local file has but the
	// time of its last change.
	ETag         string
	LastModified time.Time
	ContentType  string
	// Size is the bytes written.
	Size int64
	// Tags are the names by which the origin wants the source purged, in lower
	// case and in order, with a blank between them.
	Tags string
	// URL is where the source was in the end, by redirects; "" where there were
	// none.
	URL string `json:",omitempty"`
	// Freshness and Tags are those of the source's response merged with those of
	// the redirects before it. Final is what the source's response said by itself,
	// Redirects what they said; both are nil where there was no redirect. Records on
	// disk have them by their names of before.
	Freshness
	Final     *CacheDirectives `json:"Last,omitempty"`
	Redirects *CacheDirectives `json:"Way,omitempty"`
}

// Validators are what a source that is there already is known by (RFC 9110
// §8.8); zero for none. They are of what is at one URL, that of Meta: whatever
// else a redirect leads to is not asked about them.
type Validators struct {
	ETag         string
	LastModified time.Time
	URL          string
}

// New makes a Fetcher. The caller must Close it.
func New(cfg Config) (*Fetcher, error) {
	if cfg.MaxBytes < 0 || cfg.Timeout < 0 || cfg.FirstByte < 0 {
		return nil, errors.New("origin: neither MaxBytes nor Timeout nor FirstByte may be negative")
	}
	if strings.ContainsFunc(cfg.UserAgent, func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
		return nil, fmt.Errorf("origin: the user agent %q is not plain ASCII", cfg.UserAgent)
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 64 << 20
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.FirstByte == 0 {
		cfg.FirstByte = cfg.Timeout / 2
	}
	if cfg.MinRate == 0 {
		cfg.MinRate = 8 << 10
	}
	if cfg.MaxRedirects == 0 {
		cfg.MaxRedirects = 5
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "pictor"
	}
	if cfg.ID == "" {
		cfg.ID = newID()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g, err := newGuard(cfg.AllowNetworks)
	if err != nil {
		return nil, err
	}
	b, err := newBreakers(cfg.Now)
	if err != nil {
		return nil, err
	}
	return &Fetcher{cfg: cfg, transport: newTransport(g), breakers: b, local: newLocalIO()}, nil
}

// Close lets idle connections go. Fetches that still run are not ended by it.
func (f *Fetcher) Close() { f.transport.CloseIdleConnections() }

// Check looks at a source's URL without any network: ErrBadSource or
// ErrSourceNotAllowed.
func (f *Fetcher) Check(source string) error {
	_, _, err := f.parseSource(source)
	return err
}

// Host is the host and port that a source is fetched from, for counting by;
// "" for a local source and for one that Check refuses.
func (f *Fetcher) Host(source string) string {
	u, _, err := f.parseSource(source)
	if err != nil || u == nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// Suspended is the error of a source whose host is suspended, because it failed
// too often lately; nil for others. A fetch gives it by itself: this is for not
// waiting in order to make one.
func (f *Fetcher) Suspended(source string) error {
	u, _, err := f.parseSource(source)
	if err != nil || u == nil {
		return nil
	}
	return f.breakers.suspensionOf(u)
}

// BreakerStats is how many hosts are suspended, and were.
func (f *Fetcher) BreakerStats() BreakerStats { return f.breakers.statsNow() }

// Fetch writes a source to w. reserve, unless nil, is told how many more bytes
// are about to be written, before they are: the whole length at once, before
// any of the body is read, where the origin declares it; else step by step,
// never more than MaxBytes together. Its error ends the fetch and is returned
// as it is; so are an error of w and the cause of ctx's end. A failed fetch may
// have written a part.
func (f *Fetcher) Fetch(ctx context.Context, source string, w io.Writer, reserve func(n int64) error) (Meta, error) {
	meta, _, err := f.Revalidate(ctx, source, Hops{}, Validators{}, w, reserve)
	return meta, err
}

// Revalidate is Fetch of a source that the caller has a copy of: where the
// origin says that it is still the same (RFC 9110 §15.4.5) nothing is written,
// changed is false, and Meta has what was said anew. hops is the way of the request
// that it is for.
func (f *Fetcher) Revalidate(ctx context.Context, source string, hops Hops, have Validators, w io.Writer,
	reserve func(n int64) error) (meta Meta, changed bool, err error) {
	u, file, err := f.parseSource(source)
	if err != nil {
		return Meta{}, false, err
	}
	if reserve == nil {
		reserve = func(int64) error { return nil }
	}
	if u == nil {
		meta, err = f.fetchLocal(ctx, file, w, reserve)
		return meta, true, err
	}
	return f.fetchHTTP(ctx, u, hops, have, w, reserve)
}
