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

// guarded asks for one of the tokens that are not empty. Where all are, it answers
// to names of this machine alone. Requests that change something must not come
// from the page of another site, whatever they know.
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

// authorize compares digests, whose length tells nothing about the token's. An
// address from which too many wrong tokens came is not listened to for a while,
// right ones included, or it could go on guessing.
func (s *Server) checkToken(r *http.Request, want [][sha256.Size]byte) error {
	client := clientOf(r.RemoteAddr)
	if wait := s.attempts.blockedFor(client); wait > 0 {
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
		s.attempts.recordFailure(client)
	}
	return refuse(http.StatusUnauthorized, unauthorized, "Send the admin token as `Authorization: Bearer TOKEN`.")
}

const unauthorized = "unauthorized"

func isUnauthorized(err error) bool {
	e, ok := err.(*adminError)
	return ok && e.code == unauthorized
}

// later is an error that says when to come back.
type retryLater struct{ wait time.Duration }

func (e *retryLater) Error() string { return fmt.Sprintf("too many attempts: blocked for %v", e.wait) }

// RetryAfter is when.
func (e *retryLater) RetryAfter() time.Duration { return e.wait }

// fromHere lets only those in who name the server by an address of this
// machine: a page that an operator looks at could otherwise have its own name
// lead here, and be taken by the browser for the same site. Of a target that is a
// whole URL its host counts (RFC 9112 §3.2.2).
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

// attemptRate is how many wrong tokens an address may send.
var attemptRate = rate{burst: 10, perSecond: 1}

// maxAttempts bounds the addresses that are remembered, at some 150 bytes each.
const maxAttempts = 4096

// attempts count wrong tokens by address.
type attempts struct {
	now func() time.Time

	mu      sync.Mutex
	clients *simplelru.LRU[netip.Prefix, *bucket]
}

func newAttempts(now func() time.Time) (*attempts, error) {
	clients, err := simplelru.NewLRU[netip.Prefix, *bucket](maxAttempts, nil)
	return &attempts{now: now, clients: clients}, err
}

// blocked is for how much longer an address is not listened to.
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

// failed is one more wrong token.
func (a *attempts) recordFailure(client netip.Prefix) {
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

// clientOf is the address of a client, or the network that an IPv6 host has to
// itself (RFC 6177); all that have none are one.
func clientOf(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // both lengths are good
	return p
}
