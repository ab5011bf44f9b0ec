package origin

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A host is suspended after so many fetches from it in a row failed, of so many
// different URLs: one URL that always fails says nothing of the others.
const (
	breakerFailures = 5
	breakerURLs     = 3
	// breakerMemory is how long a failure counts.
	breakerMemory = time.Minute
	// The first suspension, and the longest: so long after a host is back it may
	// still not be asked. Each probe that fails doubles it.
	firstSuspension, longestSuspension = 5 * time.Second, 20 * time.Second
	// maxBreakers bounds the hosts that are remembered, at some 300 bytes each.
	// Only hosts that failed are.
	maxBreakers = 1024
)

// breakers suspend hosts that do not work, so that fetches from them take no
// connection, no turn and no time. A suspended host gets one fetch as a probe
// after the suspension; its success ends it.
//
// What counts as a failure is no connection, no TLS, no response in time, and 502,
// 503 and 504. Refused addresses count, too, or they could be told from those that
// cannot be reached. Any other response shows that the host works. A fetch that
// its caller ended shows nothing, and neither does a failure of one that began
// before the host last worked.
type breakers struct {
	now  func() time.Time
	seed maphash.Seed

	mu    sync.Mutex
	hosts *simplelru.LRU[string, *breaker]
	// flying are the attempts under way, by host.
	flying map[string]*flying
	stats  BreakerStats
}

// flying is what is known of a host while attempts are under way: how many, and
// how often one has shown that the host works.
type flying struct {
	attempts int
	worked   uint64
}

// BreakerStats count suspensions of hosts.
type BreakerStats struct {
	// Suspended are hosts that are not asked, Probing those whose suspension is
	// over, but that have not answered since.
	Suspended, Probing int
	// Suspensions began, those after a failed probe included, and Refused are
	// fetches that were not made because of one.
	Suspensions, Refused uint64
}

// breaker is what is known of a host whose last fetch failed.
type breaker struct {
	// failures is how many in a row, and urls are hashes of different URLs of
	// theirs; last is the last one's error, at its time.
	failures int
	urls     []uint64
	last     error
	at       time.Time
	// until is when the suspension ends; zero for none.
	until   time.Time
	lasts   time.Duration
	probing bool
}

// attempt is a request to a host that a breaker let pass.
type attempt struct {
	b    *breakers
	host string
	url  uint64
	// probe is the breaker that the request is a probe for, until it is known
	// how it went.
	probe *breaker
	// beside are the attempts of its host, worked how often it had when this began.
	beside *flying
	worked uint64
	over   bool
}

func newBreakers(now func() time.Time) (*breakers, error) {
	hosts, err := simplelru.NewLRU[string, *breaker](maxBreakers, nil)
	return &breakers{now: now, seed: maphash.MakeSeed(), hosts: hosts, flying: map[string]*flying{}}, err
}

// hostOf is what a breaker is for.
func hostOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// suspended is the error of a fetch from a suspended host; nil if there may be one.
func (b *breakers) suspended(u *url.URL) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.pass(hostOf(u))
	return err
}

// enter lets a request pass, or is suspended's error. The attempt must be ended.
func (b *breakers) enter(u *url.URL) (*attempt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := &attempt{b: b, host: hostOf(u), url: maphash.String(b.seed, u.String())}
	h, err := b.pass(a.host)
	if err != nil {
		return nil, err
	}
	if h != nil && !h.until.IsZero() {
		a.probe, h.probing = h, true
	}
	if a.beside = b.flying[a.host]; a.beside == nil {
		a.beside = &flying{}
		b.flying[a.host] = a.beside
	}
	a.beside.attempts++
	a.worked = a.beside.worked
	return a, nil
}

// land is an attempt of which it is known how it went. The lock is held.
func (a *attempt) land() {
	a.over = true
	if a.beside.attempts--; a.beside.attempts == 0 {
		delete(a.b.flying, a.host)
	}
}

// pass is the breaker of a host, if there is one, and why there may be no request.
// The lock is held.
func (b *breakers) pass(host string) (*breaker, error) {
	h, ok := b.hosts.Get(host)
	if !ok || h.until.IsZero() {
		return h, nil
	}
	left := h.until.Sub(b.now())
	if left <= 0 && !h.probing {
		return h, nil
	}
	b.stats.Refused++
	return h, &suspension{host: host, failures: h.failures, last: h.last, left: max(left, 0)}
}

// answered is a response of which only the header has come. One that is neither a
// failure nor a probe's is judged when its body has come, by end.
func (a *attempt) answered(resp *http.Response) {
	switch status := resp.StatusCode; {
	case status == http.StatusServiceUnavailable,
		// Of another pictor these two say that a host behind it does not work.
		(status == http.StatusBadGateway || status == http.StatusGatewayTimeout) && !isPictor(resp):
		a.failed(fail(ErrStatus, fmt.Sprint(status, " ", http.StatusText(status))))
	case a.probe != nil:
		a.succeeded()
	}
}

// end is how a fetch ended, nil for well. Only the first one counts of an attempt.
func (a *attempt) end(err error) {
	switch {
	case a.over:
	case err == nil:
		a.succeeded()
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrUnreachable), errors.Is(err, ErrRefused):
		a.failed(err)
	default:
		a.gaveUp()
	}
}

// succeeded ends what is known of the host, a suspension included: also the request
// of a time before it shows that the host works.
func (a *attempt) succeeded() {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	a.land()
	a.beside.worked++
	b.hosts.Remove(a.host)
}

// gaveUp is a request of which it is not known how it would have ended. Another
// one may be the probe.
func (a *attempt) gaveUp() {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	a.land()
	if a.probe != nil {
		a.probe.probing = false
	}
}

func (a *attempt) failed(err error) {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	a.land()
	now := b.now()
	h, ok := b.hosts.Get(a.host)
	switch {
	case a.probe != nil && a.probe == h:
		h.probing = false
		h.failures++
		h.lasts = min(2*h.lasts, longestSuspension)
		b.suspend(h, now, err)
		return
	case a.probe != nil, ok && !h.until.IsZero():
		return // known already
	case a.worked != a.beside.worked:
		return // the host has worked since this began
	case !ok || now.Sub(h.at) > breakerMemory:
		h = &breaker{lasts: firstSuspension}
		b.hosts.Add(a.host, h)
	}
	h.failures++
	h.at, h.last = now, err
	if len(h.urls) < breakerURLs && !slices.Contains(h.urls, a.url) {
		h.urls = append(h.urls, a.url)
	}
	if h.failures >= breakerFailures && len(h.urls) >= breakerURLs {
		b.suspend(h, now, err)
	}
}

// suspend begins a suspension. The lock is held.
func (b *breakers) suspend(h *breaker, now time.Time, err error) {
	h.at, h.last, h.until = now, err, now.Add(h.lasts)
	b.stats.Suspensions++
}

// statsNow is a snapshot.
func (b *breakers) statsNow() BreakerStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, now := b.stats, b.now()
	for _, h := range b.hosts.Values() {
		switch {
		case h.until.IsZero():
		case now.Before(h.until):
			s.Suspended++
		default:
			s.Probing++
		}
	}
	return s
}

// suspension is the error of a fetch that was not made. From outside it looks like
// the failures that it is for.
type suspension struct {
	host     string
	failures int
	last     error
	left     time.Duration
}

func (e *suspension) Error() string { return e.Unwrap().Error() }

// Unwrap is ErrTimeout, ErrRefused or ErrUnreachable.
func (e *suspension) Unwrap() error {
	for _, kind := range []error{ErrTimeout, ErrRefused} {
		if errors.Is(e.last, kind) {
			return kind
		}
	}
	return ErrUnreachable
}

// RetryAfter is when the host may be asked again; 0 for any moment.
func (e *suspension) RetryAfter() time.Duration { return e.left }

// Details is for the log alone.
func (e *suspension) Details() string {
	why := e.last.Error()
	var d interface{ Details() string }
	if errors.As(e.last, &d) {
		why += ": " + d.Details()
	}
	return fmt.Sprintf("%s is suspended for %v after %d failed fetches in a row, the last one: %s",
		e.host, e.left.Round(time.Millisecond), e.failures, why)
}
