package origin

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// Fetcher fetches. It is safe for concurrent use.
type Fetcher struct {
	cfg       Config
	guard     *guard
	transport *http.Transport
	breakers  *breakers
	retries   *retries
	local     localIO
	accounts  accounts
	rewriter  rewriter
	// plain is the access to sources without settings, accesses are those of Config.Origins. passes says that
	// one of them passes headers of clients on.
	plain    *access
	accesses []*access
	passes   bool
	// successor has taken the place of this one; nil for none.
	successor atomic.Pointer[Fetcher]
	// watcher gets a report of each fetch; nil for none. All that With has made have the same.
	watcher *atomic.Pointer[func(FetchReport)]
}

// New makes a Fetcher. The caller must Close it.
func New(cfg Config) (*Fetcher, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g, err := newGuard(cfg.AllowNetworks)
	if err != nil {
		return nil, err
	}
	b, err := newBreakers(cfg.Now)
	if err != nil {
		return nil, err
	}
	return finish(&Fetcher{cfg: cfg, guard: g, transport: newTransport(g), breakers: b, retries: newRetries(),
		local: newLocalIO(), watcher: &atomic.Pointer[func(FetchReport)]{}})
}

// With makes a Fetcher with another Config that goes on where this one stands: with its ID and clock, what it knows of
// hosts, who watches it and, where the networks are the same, its connections. See Succeed.
func (f *Fetcher) With(cfg Config) (*Fetcher, error) {
	cfg.ID, cfg.Now = f.cfg.ID, f.cfg.Now
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	next := &Fetcher{cfg: cfg, guard: f.guard, transport: f.transport, breakers: f.breakers, retries: f.retries,
		local: f.local, watcher: f.watcher}
	if !slices.Equal(cfg.AllowNetworks, f.cfg.AllowNetworks) {
		if next.guard, err = newGuard(cfg.AllowNetworks); err != nil {
			return nil, err
		}
		next.transport = newTransport(next.guard)
	}
	return finish(next)
}

// Succeed says that this Fetcher has taken the place of another one that it was made With: what Config.Allow does not
// name any more is refused there, too, also in redirects of fetches under way, and connections of the other one that
// nobody uses are closed. The other one must not be closed for its sake: fetches may be under way.
func (f *Fetcher) Succeed(other *Fetcher) {
	if other == f || other.successor.Swap(f) == f {
		return
	}
	if other.transport != f.transport {
		other.transport.CloseIdleConnections()
	}
	for _, a := range other.accesses {
		if a.transport != f.transport {
			a.transport.CloseIdleConnections()
		}
	}
}

// finish completes a Fetcher.
func finish(f *Fetcher) (_ *Fetcher, err error) {
	cfg := f.cfg
	f.accounts = cfg.Accounts
	if err := f.accounts.check(); err != nil {
		return nil, err
	}
	f.plain = &access{transport: f.transport, cfg: cfg}
	if f.accesses, err = newAccesses(cfg, f.guard, f.transport); err != nil {
		return nil, err
	}
	f.passes = slices.ContainsFunc(f.accesses, func(a *access) bool { return len(a.Pass) > 0 })
	if f.rewriter, err = newRewriter(cfg.Rewrites, f.parseResolved); err != nil {
		return nil, err
	}
	return f, nil
}

// MaxBytes bounds a source.
func (f *Fetcher) MaxBytes() int64 { return f.plain.cfg.MaxBytes }

// Close lets idle connections go. Fetches that still run are not ended by it.
func (f *Fetcher) Close() {
	f.transport.CloseIdleConnections()
	for _, a := range f.accesses {
		a.transport.CloseIdleConnections()
	}
}

// Check looks at a source's URL without any network: ErrBadSource or
// ErrSourceNotAllowed.
func (f *Fetcher) Check(source string) error {
	_, err := f.parseSource(source)
	return err
}

// Permits says whether a source is one that may be fetched: ErrSourceNotAllowed for one that Config.Allow
// does not name, and else what Check says.
func (f *Fetcher) Permits(source string) error {
	at, err := f.parseSource(source)
	if err != nil {
		return err
	}
	return f.permits(at)
}

// CheckAddress says whether the address of a source may be fetched from, as far as its URL tells: ErrRefused for an
// IP address or localhost that is not public, and for a port that is not one of the web's. What other names lead to is
// known when they are fetched.
func (f *Fetcher) CheckAddress(source string) error {
	at, err := f.parseSource(source)
	if err != nil || at.url == nil {
		return err
	}
	if !strings.EqualFold(at.url.Hostname(), "localhost") {
		return f.guardBehindProxy(at.url)
	}
	for _, loopback := range []string{"127.0.0.1", "::1"} {
		u := *at.url
		u.Host = net.JoinHostPort(loopback, u.Port())
		if err = f.guardBehindProxy(&u); err == nil {
			break
		}
	}
	return err
}

// IsAmong says whether a source is one of the rules'; false for one that Check refuses.
func (f *Fetcher) IsAmong(source string, rules []SourceRule) bool {
	at, err := f.parseSource(source)
	return err == nil && slices.ContainsFunc(rules, func(r SourceRule) bool { return r.matches(at) })
}

// permits is Permits of a source that was read.
func (f *Fetcher) permits(at location) error {
	newest := f
	for next := newest.successor.Load(); next != nil; next = newest.successor.Load() {
		newest = next
	}
	allowed := newest.cfg.Allow
	if allowed == nil || at.image != "" {
		return nil
	}
	if slices.ContainsFunc(allowed, func(r SourceRule) bool { return r.matches(at) }) {
		return nil
	}
	return errNotListed
}

// Suspended is the error of a source whose host is suspended, because it failed
// too often lately; nil for others. A fetch gives it by itself: this is for not
// waiting in order to make one.
func (f *Fetcher) Suspended(source string) error {
	at, err := f.parseSource(source)
	switch {
	case err != nil:
		return nil
	case at.url != nil:
		return f.breakers.suspensionOf(at.url)
	case at.object != (Object{}):
		return f.breakers.suspensionOf(at.object.site())
	}
	return nil
}

// BreakerStats is how many hosts are suspended, and were.
func (f *Fetcher) BreakerStats() (sum BreakerStats) {
	for _, s := range f.breakers.statsNow() {
		sum.add(s)
	}
	return sum
}

// BreakerStatsByOrigin are the BreakerStats by the names that FetchReport.Origin has, of origins with any.
func (f *Fetcher) BreakerStatsByOrigin() map[string]BreakerStats { return f.breakers.statsNow() }

// Fetch writes a source to w. reserve, unless nil, is told how many more bytes
// are about to be written, before they are: the whole length at once, before
// any of the body is read, where the origin declares it; else step by step,
// never more than MaxBytes together. Its error ends the fetch and is returned
// as it is; so are an error of w and the cause of ctx's end. A failed fetch may
// have written a part. w may be a PartWriter.
func (f *Fetcher) Fetch(ctx context.Context, source string, w io.Writer, reserve func(n int64) error) (Meta, error) {
	meta, _, err := f.Revalidate(ctx, source, Client{}, Validators{}, w, reserve)
	return meta, err
}

// Revalidate is Fetch of a source that the caller has a copy of: where the
// origin says that it is still the same (RFC 9110 §15.4.5) nothing is written,
// changed is false, and Meta has the fields of the 304. client is what the request that the
// fetch is for brings along.
func (f *Fetcher) Revalidate(ctx context.Context, source string, client Client, have Validators, w io.Writer,
	reserve func(n int64) error) (meta Meta, changed bool, err error) {
	at, err := f.parseSource(source)
	if err == nil {
		err = f.permits(at)
	}
	if err != nil {
		return Meta{}, false, err
	}
	if reserve == nil {
		reserve = func(int64) error { return nil }
	}
	return f.reported(at, w, reserve, func(reserve func(int64) error) (Meta, bool, error) {
		return f.revalidate(ctx, at, client, have, w, reserve)
	})
}

// revalidate is Revalidate of a source that may be fetched.
func (f *Fetcher) revalidate(ctx context.Context, at location, client Client, have Validators, w io.Writer,
	reserve func(n int64) error) (meta Meta, changed bool, err error) {
	if at.image != "" {
		b := f.cfg.Images[at.image]
		_, err = f.cfg.copyBody(w, bytes.NewReader(b), int64(len(b)), reserve)
		return Meta{Size: int64(len(b))}, true, err
	}
	if at.object != (Object{}) {
		return f.fetchObject(ctx, at.object, client.Trace, have, w, reserve)
	}
	if at.url == nil {
		meta, err = f.fetchLocal(ctx, at.file, w, reserve)
		return meta, true, err
	}
	return f.fetchHTTP(ctx, at.url, client, have, w, reserve)
}
