package proxy

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

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
