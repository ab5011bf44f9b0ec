package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// requireToken passes on requests that have one of the tokens. Empty tokens do not count;
// where all are empty, requireLocalHost decides. Requests from pages of other sites that
// would change something are refused in any case.
func (s *Server) requireToken(next adminHandler, tokens ...string) adminHandler {
	var want [][sha256.Size]byte
	for _, t := range tokens {
		if t != "" {
			want = append(want, sha256.Sum256([]byte(t)))
		}
	}
	check := requireLocalHost
	if len(want) > 0 {
		check = func(r *http.Request) error { return s.checkToken(r, want) }
	}
	origins := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := check(r); err != nil {
			if isUnauthorized(err) {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			return err
		}
		if err := origins.Check(r); err != nil {
			return refuse(http.StatusForbidden, "cross-origin", "Web pages of other sites may not use the admin port.")
		}
		return next(w, r)
	}
}

// checkToken compares digests, because the time to compare tokens depends on their length. An
// address that has sent too many wrong tokens is blocked for a while, also with the right
// token, so that it cannot go on guessing.
func (s *Server) checkToken(r *http.Request, want [][sha256.Size]byte) error {
	client := clientOf(r.RemoteAddr)
	if wait := s.authLimiter.blockedFor(client); wait > 0 {
		return &adminError{failure: failure{status: http.StatusTooManyRequests, code: "too-many-attempts",
			text: "Too many wrong tokens came from this address. Try again shortly."}, cause: &retryLater{wait}}
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, right := sha256.Sum256([]byte(strings.TrimSpace(given))), 0
	for _, w := range want {
		right |= subtle.ConstantTimeCompare(got[:], w[:])
	}
	if strings.EqualFold(scheme, "Bearer") && right == 1 {
		return nil
	}
	if scheme != "" {
		s.authLimiter.recordOutcome(client)
	}
	return refuse(http.StatusUnauthorized, unauthorized, "Send the admin token as `Authorization: Bearer TOKEN`.")
}

// unauthorized is the code of a request without the right token.
const unauthorized = "unauthorized"

// isUnauthorized reports whether an error has that code.
func isUnauthorized(err error) bool {
	e, ok := err.(*adminError)
	return ok && e.code == unauthorized
}

// retryLater is the error of a blocked address. It says for how long.
type retryLater struct{ wait time.Duration }

func (e *retryLater) Error() string { return fmt.Sprintf("too many attempts: blocked for %v", e.wait) }

// RetryAfter is the time until the next attempt is allowed.
func (e *retryLater) RetryAfter() time.Duration { return e.wait }

// requireLocalHost refuses requests whose Host is not localhost or a loopback address. A page
// in the browser of an operator could otherwise point a name of its own at this machine (DNS
// rebinding), and would be the same site to the browser. Where the request target is a whole
// URL, its host counts (RFC 9112 §3.2.2).
func requireLocalHost(r *http.Request) error {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if !strings.EqualFold(host, "localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
		return refuse(http.StatusForbidden, "wrong-host",
			"Without a token the admin port answers to localhost and 127.0.0.1 only. "+
				"Set --admin-token to use it by another name.")
	}
	return nil
}

// attemptRate is the rate of wrong tokens that an address may send.
var attemptRate = rate{burst: 10, perSecond: 1}

// maxAttempts is how many addresses are remembered, at some 150 bytes each.
const maxAttempts = 4096

// attempts counts wrong tokens by address.
type attempts struct {
	now func() time.Time

	mu      sync.Mutex
	clients *simplelru.LRU[netip.Prefix, *bucket]
}

func newAttempts(now func() time.Time) (*attempts, error) {
	clients, err := simplelru.NewLRU[netip.Prefix, *bucket](maxAttempts, nil)
	return &attempts{now: now, clients: clients}, err
}

// blockedFor is how much longer an address is blocked; 0 for one that is not.
func (a *attempts) blockedFor(client netip.Prefix) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := a.clients.Get(client)
	if !ok {
		return 0
	}
	b.refill(attemptRate, a.now())
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - b.tokens) / attemptRate.perSecond * float64(time.Second))
}

// recordOutcome counts a wrong token.
func (a *attempts) recordOutcome(client netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := a.clients.Get(client)
	if !ok {
		full := newBucket(attemptRate, a.now())
		b = &full
		a.clients.Add(client, b)
	}
	b.refill(attemptRate, a.now())
	b.tokens = max(b.tokens-1, 0)
}

// clientOf is the address of a client, or its /64 for IPv6, which a host has to itself
// (RFC 6177). All clients without an address are one.
func clientOf(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // cannot fail with these lengths
	return p
}
