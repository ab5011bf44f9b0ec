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
	// inFlight are the attempts that have not ended, by host.
	inFlight map[string]*hostAttempts
	// stats are the counters, by the name of the origin.
	stats map[string]*BreakerStats
}

// hostAttempts counts the attempts in flight of a host, and how often one of them
// has shown that the host works.
type hostAttempts struct {
	attempts  int
	successes uint64
}

// BreakerStats count suspensions of hosts.
type BreakerStats struct {
	// Suspended hosts get no requests (the breaker is open). Probing hosts have
	// served their suspension and not responded since (it is half-open).
	Suspended, Probing int
	// Failing hosts had their last fetch fail within a minute, and get requests (the breaker is closed).
	Failing int
	// Suspensions began, those after a failed probe included, and Refused are
	// fetches that were not made because of one. Probes were made, and Recoveries are
	// suspensions that ended as the host responded.
	Suspensions, Refused, Probes, Recoveries uint64
}

// add adds other figures.
func (s *BreakerStats) add(o BreakerStats) {
	s.Suspended += o.Suspended
	s.Probing += o.Probing
	s.Failing += o.Failing
	s.Suspensions += o.Suspensions
	s.Refused += o.Refused
	s.Probes += o.Probes
	s.Recoveries += o.Recoveries
}

// breaker is the circuit breaker of a host whose last fetch failed.
type breaker struct {
	// origin is the name of the origin that the fetch was from.
	origin string
	// failures is how many in a row, and urls are hashes of different URLs of
	// theirs; last is the last one's error, at its time.
	failures    int
	urls        []uint64
	lastError   error
	lastFailure time.Time
	// until is when the suspension ends; zero for none.
	until    time.Time
	duration time.Duration
	probing  bool
}

// attempt is a request to a host that a breaker let pass.
type attempt struct {
	b            *breakers
	host, origin string
	url          uint64
	// probe is the breaker that the request is a probe for, until it is known
	// how it went.
	probe *breaker
	// ofHost are the attempts of its host, successesBefore how often these had shown
	// that the host works when this one began.
	ofHost          *hostAttempts
	successesBefore uint64
	over            bool
}

func newBreakers(now func() time.Time) (*breakers, error) {
	hosts, err := simplelru.NewLRU[string, *breaker](maxBreakers, nil)
	return &breakers{now: now, seed: maphash.MakeSeed(), hosts: hosts, inFlight: map[string]*hostAttempts{},
		stats: map[string]*BreakerStats{}}, err
}

// hostOf is the key of a host's breaker.
func hostOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// suspensionOf is the error of a fetch from a suspended host; nil if there may be one.
func (b *breakers) suspensionOf(u *url.URL) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.breakerFor(hostOf(u))
	return err
}

// statsOf are the counters of an origin. The lock is held.
func (b *breakers) statsOf(origin string) *BreakerStats {
	s := b.stats[origin]
	if s == nil {
		s = &BreakerStats{}
		b.stats[origin] = s
	}
	return s
}

// beginAttempt begins a request to a host that is not suspended; else the error is
// that of suspensionOf. The caller ends the attempt with recordEnd. origin is what
// figures call the host.
func (b *breakers) beginAttempt(u *url.URL, origin string) (*attempt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := &attempt{b: b, host: hostOf(u), origin: origin, url: maphash.String(b.seed, u.String())}
	h, err := b.breakerFor(a.host)
	if err != nil {
		return nil, err
	}
	if h != nil && !h.until.IsZero() {
		a.probe, h.probing = h, true
		b.statsOf(origin).Probes++
	}
	if a.ofHost = b.inFlight[a.host]; a.ofHost == nil {
		a.ofHost = &hostAttempts{}
		b.inFlight[a.host] = a.ofHost
	}
	a.ofHost.attempts++
	a.successesBefore = a.ofHost.successes
	return a, nil
}

// leaveHost takes an attempt whose result is known off its host. The lock is held.
func (a *attempt) leaveHost() {
	a.over = true
	if a.ofHost.attempts--; a.ofHost.attempts == 0 {
		delete(a.b.inFlight, a.host)
	}
}

// breakerFor gives the breaker of a host, nil for none, and the error of a request to
// the host if it is suspended. The lock is held.
func (b *breakers) breakerFor(host string) (*breaker, error) {
	h, ok := b.hosts.Get(host)
	if !ok || h.until.IsZero() {
		return h, nil
	}
	left := h.until.Sub(b.now())
	if left <= 0 && !h.probing {
		return h, nil
	}
	b.statsOf(h.origin).Refused++
	return h, &suspension{host: host, failures: h.failures, lastError: h.lastError, left: max(left, 0)}
}

// recordHeader judges a response by its header alone. A response that is neither a
// failure nor a probe's is judged by recordEnd, once its body has been read.
func (a *attempt) recordHeader(resp *http.Response) {
	switch status := resp.StatusCode; {
	case status == http.StatusServiceUnavailable,
		// Of another pictor these two say that a host behind it does not work.
		(status == http.StatusBadGateway || status == http.StatusGatewayTimeout) && !isPictor(resp):
		a.recordFailure(newFailure(ErrStatus, fmt.Sprint(status, " ", http.StatusText(status))))
	case a.probe != nil:
		a.recordSuccess()
	}
}

// recordEnd records how a fetch ended, nil for a success. Of an attempt only the first
// result counts.
func (a *attempt) recordEnd(err error) {
	switch {
	case a.over:
	case err == nil:
		a.recordSuccess()
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrUnreachable), errors.Is(err, ErrRefused):
		a.recordFailure(err)
	default:
		a.recordAbandoned()
	}
}

// recordSuccess removes the breaker of the host, and ends a suspension: a request that
// began before it shows as well that the host works.
func (a *attempt) recordSuccess() {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	a.leaveHost()
	a.ofHost.successes++
	if h, ok := b.hosts.Peek(a.host); ok && !h.until.IsZero() {
		b.statsOf(h.origin).Recoveries++
	}
	b.hosts.Remove(a.host)
}

// recordAbandoned records a request that its caller ended, so that its result is not
// known. Another request may be the probe then.
func (a *attempt) recordAbandoned() {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	a.leaveHost()
	if a.probe != nil {
		a.probe.probing = false
	}
}

func (a *attempt) recordFailure(err error) {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	a.leaveHost()
	now := b.now()
	h, ok := b.hosts.Get(a.host)
	switch {
	case a.probe != nil && a.probe == h:
		h.probing = false
		h.failures++
		h.duration = min(2*h.duration, longestSuspension)
		b.suspend(h, now, err)
		return
	case a.probe != nil, ok && !h.until.IsZero():
		return // known already
	case a.successesBefore != a.ofHost.successes:
		return // the host has worked since this began
	case !ok || now.Sub(h.lastFailure) > breakerMemory:
		h = &breaker{origin: a.origin, duration: firstSuspension}
		b.hosts.Add(a.host, h)
	}
	h.failures++
	h.lastFailure, h.lastError = now, err
	if len(h.urls) < breakerURLs && !slices.Contains(h.urls, a.url) {
		h.urls = append(h.urls, a.url)
	}
	if h.failures >= breakerFailures && len(h.urls) >= breakerURLs {
		b.suspend(h, now, err)
	}
}

// suspend begins a suspension. The lock is held.
func (b *breakers) suspend(h *breaker, now time.Time, err error) {
	h.lastFailure, h.lastError = now, err
	h.until = now.Add(h.duration)
	b.statsOf(h.origin).Suspensions++
}

// statsNow is a snapshot, by the names of the origins.
func (b *breakers) statsNow() map[string]BreakerStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, now := map[string]BreakerStats{}, b.now()
	for name, s := range b.stats {
		all[name] = *s
	}
	for _, h := range b.hosts.Values() {
		s := all[h.origin]
		switch {
		case h.until.IsZero():
			if now.Sub(h.lastFailure) <= breakerMemory {
				s.Failing++
			}
		case now.Before(h.until):
			s.Suspended++
		default:
			s.Probing++
		}
		all[h.origin] = s
	}
	return all
}

// suspension is the error of a fetch that was not made. From outside it looks like
// the failures that it is for.
type suspension struct {
	host      string
	failures  int
	lastError error
	left      time.Duration
}

func (e *suspension) Error() string { return e.Unwrap().Error() }

// Unwrap is ErrTimeout, ErrRefused or ErrUnreachable.
func (e *suspension) Unwrap() error {
	for _, kind := range []error{ErrTimeout, ErrRefused} {
		if errors.Is(e.lastError, kind) {
			return kind
		}
	}
	return ErrUnreachable
}

// RetryAfter is when the host may be asked again; 0 for any moment.
func (e *suspension) RetryAfter() time.Duration { return e.left }

// Details is for the log alone.
func (e *suspension) Details() string {
	why := e.lastError.Error()
	var d interface{ Details() string }
	if errors.As(e.lastError, &d) {
		why += ": " + d.Details()
	}
	return fmt.Sprintf("%s is suspended for %v after %d failed fetches in a row, the last one: %s",
		e.host, e.left.Round(time.Millisecond), e.failures, why)
}
