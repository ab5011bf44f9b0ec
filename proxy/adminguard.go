package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
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
	var e *adminError
	return errors.As(err, &e) && e.code == unauthorized
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
