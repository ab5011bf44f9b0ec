package origin

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// guard refuses addresses that are not public. It stands in the dialer, behind
// DNS and before the connection, so a name that resolves to something else the
// second time gains nothing.
type guard struct {
	public  *ssrf.Guardian
	allowed []netip.Prefix
}

func newGuard(allowed []netip.Prefix) (*guard, error) {
	// NAT64's own prefix is how a host without IPv4 reaches the IPv4 internet;
	// check looks at the address inside.
	g := &guard{public: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV6Prefixes(nat64))}
	for _, p := range allowed {
		if !p.IsValid() {
			return nil, fmt.Errorf("origin: %v is no network", p)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.allowed = append(g.allowed, p)
	}
	return g, nil
}

// control implements net.Dialer.ControlContext: it is asked for each address
// of a name, and an error of it is there before the first packet.
func (g *guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %s", ErrRefused, network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrRefused, address)
	}
	return g.check(ap)
}

func (g *guard) check(ap netip.AddrPort) error {
	ip := ap.Addr()
	if ip.Zone() != "" {
		return fmt.Errorf("%w: %v has a zone", ErrRefused, ip)
	}
	ip = ip.Unmap() // the kernel connects a mapped address over IPv4
	for _, p := range g.allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	if !portAllowed(ap.Port()) {
		return fmt.Errorf("%w: port %d", ErrRefused, ap.Port())
	}
	if err := g.public.SafeAddr(ip); err != nil {
		return fmt.Errorf("%w: %v is not public, and --allow-networks does not have it", ErrRefused, ip)
	}
	if inner, ok := embeddedIPv4(ip); ok && g.public.SafeAddr(inner) != nil {
		return fmt.Errorf("%w: %v leads to %v, which is not public, and --allow-networks has neither", ErrRefused, ip,
			inner)
	}
	return nil
}

// portAllowed refuses the ports below 1024 but those of the web: mail servers,
// terminals and the like take an HTTP request for commands of their own, and
// half of them are well-known ways to make a proxy send mail. Above stand
// 8080, 8443 and whatever else people serve pictures on.
func portAllowed(port uint16) bool { return port == 80 || port == 443 || port >= 1024 }

var (
	v4Compatible = netip.MustParsePrefix("::/96")          // RFC 4291 §2.5.5.1
	sixToFour    = netip.MustParsePrefix("2002::/16")      // RFC 3056
	nat64        = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local   = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
	teredo       = netip.MustParsePrefix("2001::/32")      // RFC 4380 §4
)

// embeddedIPv4 finds the IPv4 address that an IPv6 address stands for. A gateway
// may turn one into the other, behind the guard's back.
func embeddedIPv4(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	v4 := func(a, b, c, d byte) (netip.Addr, bool) { return netip.AddrFrom4([4]byte{a, b, c, d}), true }
	switch {
	case nat64Local.Contains(ip): // RFC 6052 §2.2: octet 8 is left out
		return v4(b[6], b[7], b[9], b[10])
	case ip.Is4In6(), v4Compatible.Contains(ip), nat64.Contains(ip):
		return v4(b[12], b[13], b[14], b[15])
	case sixToFour.Contains(ip):
		return v4(b[2], b[3], b[4], b[5])
	case teredo.Contains(ip): // RFC 4380 §4: the client's address, inverted
		return v4(^b[12], ^b[13], ^b[14], ^b[15])
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214 §6.1
		return v4(b[12], b[13], b[14], b[15])
	}
	return netip.Addr{}, false
}
