package origin

import (
	"context"
	"errors"
	"net/netip"
	"testing"
)

func guardOf(t *testing.T, allowed ...string) *guard {
	t.Helper()
	var prefixes []netip.Prefix
	for _, a := range allowed {
		prefixes = append(prefixes, netip.MustParsePrefix(a))
	}
	g, err := newGuard(prefixes)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGuard(t *testing.T) {
	g := guardOf(t, "10.9.0.0/16", "fd00:1::/32", "::ffff:172.20.0.0/112", "64:ff9b:1:a00::/56")
	for address, ok := range map[string]bool{
		"93.184.215.14": true, "8.8.8.8": true, "2606:2800:21f:cb07:6820:80da:af6b:8b2c": true,
		"::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true, "192.0.1.1": true, "100.63.255.255": true, "100.128.0.0": true,
		"172.15.255.255": true, "172.32.0.0": true, "223.255.255.255": true, "2001:200::1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "127.0.0.1": false, "127.255.0.1": false,
		"100.64.0.1": false, "100.127.255.255": false, "169.254.169.254": false, "172.16.0.1": false,
		"172.31.255.255": false, "192.0.0.1": false, "192.0.2.1": false, "192.168.1.1": false, "198.18.0.1": false,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false,
		"255.255.255.255": false,
		"::":              false, "::1": false, "fe80::1": false, "fc00::1": false, "fd00:ec2::254": false, "fec0::1": false,
		"ff02::1": false, "2001:db8::1": false, "100::1": false, "5f00::1": false, "fe80::1%eth0": false,
		"2606:2800::1%eth0": false, "192.88.99.1": false, "168.63.129.16": true, "100.100.100.200": false,
		"::ffff:0:127.0.0.1": false, "2001:20::1": false, "3fff::1": false, "4000::1": false, "2001:2::1": false,
		// IPv6 that carries IPv4: mapped, compatible, 6to4, NAT64, Teredo, ISATAP.
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "2002:7f00:1::1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1:7f00:0:100::": false,
		"2001:0:4136:e378:8000:63bf:80ff:fffe": false,
		"2606:2800:21f:cb07:0:5efe:127.0.0.1":  false, "2606:2800:21f:cb07:200:5efe:10.0.0.1": false,
		"2606:2800:21f:cb07:0:5efe:8.8.8.8": true, "2606:2800:21f:cb07:100:5efe:127.0.0.1": true,
		// Even where the address inside is public, these are for no web server.
		"2002:808:808::1": false, "::8.8.8.8": false, "64:ff9b:1:808:8:800::": false, "2001:0:4136:e378:8000:63bf:f7f7:f7f7": false,
		// Networks allowed by name, also when spelled as mapped.
		"10.9.1.2": true, "::ffff:10.9.1.2": true, "10.10.0.1": false, "fd00:1::5": true, "172.20.0.9": true, "172.21.0.9": false,
		"64:ff9b:1:a09:1:200::": true,
		// What only leads to an allowed network is not in it.
		"64:ff9b::a09:102": false, "2002:a09:102::1": false, "::10.9.1.2": false, "2606:2800::5efe:10.9.1.2": false,
	} {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			t.Fatal(err)
		}
		err = g.check(netip.AddrPortFrom(ip, 443))
		if ok && err != nil || !ok && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestGuardPorts(t *testing.T) {
	g := guardOf(t, "10.0.0.0/8")
	for address, ok := range map[string]bool{
		"8.8.8.8:80": true, "8.8.8.8:443": true, "8.8.8.8:8080": true, "8.8.8.8:25": false, "8.8.8.8:22": false,
		"8.8.8.8:0": false, "8.8.8.8:1023": false, "8.8.8.8:1024": true, "8.8.8.8:8443": true,
		"10.0.0.1:81": true, "10.0.0.1:22": true,
	} {
		if err := g.control(context.Background(), "tcp4", address, nil); ok != (err == nil) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, bad := range [][2]string{{"udp4", "8.8.8.8:80"}, {"unix", "/run/x"}, {"tcp4", "nonsense"}} {
		if err := g.control(context.Background(), bad[0], bad[1], nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestEmbedded(t *testing.T) {
	for address, want := range map[string]string{
		"::192.0.2.33": "192.0.2.33", "64:ff9b::192.0.2.33": "192.0.2.33", "64:ff9b:1:c000:2:2100::": "192.0.2.33",
		"2002:c000:221::": "192.0.2.33", "2001:0:4136:e378:8000:63bf:3fff:fdd2": "192.0.2.45",
		"2001:db8::5efe:192.0.2.33": "192.0.2.33", "2001:db8::200:5efe:192.0.2.33": "192.0.2.33", "::ffff:192.0.2.33": "192.0.2.33",
		"2001:db8::300:5efe:192.0.2.33": "", "2606:2800::1": "", "8.8.8.8": "",
	} {
		got, ok := embeddedIPv4(netip.MustParseAddr(address))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v, %v; want %q", address, got, ok, want)
		}
	}
}
