package proxy

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

var (
	// ErrKeyRevoked: the key of a URL has been revoked.
	ErrKeyRevoked = errors.New("key revoked")
	// ErrKeyPolicy: a URL asks for more than the policy of its key allows.
	ErrKeyPolicy = errors.New("not allowed for this key")
	// errKeyRate: URLs of a key have asked for too many new images.
	errKeyRate = errors.New("too many new images for this key")
)

// AccessPolicy is what URLs by one key may ask for. A zero field sets no limit.
type AccessPolicy struct {
	// Revoked refuses everything.
	Revoked bool
	// Scope are the options and presets that URLs may name.
	Scope signedurl.Scope
	// Sources are those that URLs may name; nil for all.
	Sources []origin.SourceRule
	// MaxWidth, MaxHeight, and MaxSide for both, are in pixels, with dpr, zoom and padding. MaxPixels is
	// width times height. A side that is limited must be asked for; of MaxSide one of them.
	MaxWidth, MaxHeight, MaxSide int
	MaxPixels                    int64
	// Expiry says that URLs must have an expiry time, MaxLifetime how far ahead that may be.
	Expiry      bool
	MaxLifetime time.Duration
	// MissesPerSecond is how many fills may be started, MissBurst how many at once after a pause.
	MissesPerSecond, MissBurst float64
}

// Check says whether a request may be by a key with the policy. The error wraps ErrKeyRevoked or
// ErrKeyPolicy and names the rule. isAmong says whether a source is one of the rules'; see origin.Fetcher.
func (p *AccessPolicy) Check(
	req signedurl.Request, isAmong func(source string, rules []origin.SourceRule) bool, now time.Time,
) error {
	if p.Revoked {
		return ErrKeyRevoked
	}
	lifetime := time.Unix(req.Expires, 0).Sub(now)
	switch {
	case p.Sources != nil && !isAmong(req.Source, p.Sources):
		return fmt.Errorf("%w: the source is not listed (sources)", ErrKeyPolicy)
	case p.Expiry && req.Expires == 0:
		return fmt.Errorf("%w: it needs an expiry time, the option exp (expiry)", ErrKeyPolicy)
	case p.MaxLifetime > 0 && req.Expires == 0:
		return fmt.Errorf("%w: it needs an expiry time, the option exp (max-lifetime)", ErrKeyPolicy)
	case p.MaxLifetime > 0 && lifetime > p.MaxLifetime:
		return fmt.Errorf("%w: it expires in %v, which is more than %v (max-lifetime)", ErrKeyPolicy,
			lifetime.Round(time.Second), p.MaxLifetime)
	}
	if req.IsInfo() {
		return nil // facts have no size
	}
	return p.checkSize(req)
}

// checkSize holds what is asked for, whatever the source is, against the limits of sizes.
func (p *AccessPolicy) checkSize(req signedurl.Request) error {
	w, h := req.Params.SizeBound()
	for _, side := range []struct {
		name, rule string
		asked      int
		most       int
		must       bool
	}{
		{"width", "max-width", w, p.MaxWidth, true},
		{"height", "max-height", h, p.MaxHeight, true},
		{"width or height", "max-side", max(w, h), p.MaxSide, true},
	} {
		switch {
		case side.most == 0:
		case side.asked == 0:
			return fmt.Errorf("%w: it needs a %s (%s)", ErrKeyPolicy, side.name, side.rule)
		case side.asked > side.most:
			return fmt.Errorf("%w: its %s is up to %d, which is more than %d (%s)", ErrKeyPolicy, side.name, side.asked,
				side.most, side.rule)
		}
	}
	switch pixels := int64(w) * int64(h); {
	case p.MaxPixels == 0:
	case pixels == 0:
		return fmt.Errorf("%w: it needs a width and a height (max-pixels)", ErrKeyPolicy)
	case pixels > p.MaxPixels:
		return fmt.Errorf("%w: it is up to %dx%d, which is more than %d pixels (max-pixels)", ErrKeyPolicy, w, h,
			p.MaxPixels)
	}
	return nil
}

// accessKey is a key with a policy, as one set of rules has it.
type accessKey struct {
	id     string
	policy AccessPolicy
	// dialect reads the paths within the scope of the policy.
	dialect *signedurl.Dialect
	state   *keyState
}

// keyState is what lasts of a key over reloads.
type keyState struct {
	// requests counts those of images by the key; refused and limited are parts of it.
	requests, refused, limited atomic.Uint64

	mu     sync.Mutex
	rate   rate
	misses bucket
}

// setRate changes the rate of misses. The bucket is full where the rate is another one.
func (k *keyState) setRate(r rate, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r != k.rate {
		k.rate, k.misses = r, newBucket(r, now)
	}
}

// countRequest counts a request that was read, with this result. Requests without a key are not counted.
func (k *accessKey) countRequest(err error) {
	if k == nil {
		return
	}
	k.state.requests.Add(1)
	if err != nil {
		k.state.refused.Add(1)
	}
}

// takeMiss counts a fill against the rate of the key. The error wraps errKeyRate.
func (k *accessKey) takeMiss(now time.Time) error {
	if k == nil || k.policy.MissesPerSecond == 0 {
		return nil
	}
	s := k.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.misses.refill(s.rate, now)
	if s.misses.tokens >= 1 {
		s.misses.tokens--
		return nil
	}
	s.limited.Add(1)
	return &keyLimited{time.Duration((1 - s.misses.tokens) / s.rate.perSecond * float64(time.Second))}
}

// keyLimited is errKeyRate, with the time after which a fill is allowed again.
type keyLimited struct{ wait time.Duration }

func (e *keyLimited) Error() string { return errKeyRate.Error() }

// Is makes errors.Is find errKeyRate.
func (e *keyLimited) Is(target error) bool { return target == errKeyRate }

// RetryAfter is the time until the next fill is allowed.
func (e *keyLimited) RetryAfter() time.Duration { return e.wait }
