package origin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// dialTimeout bounds the making of a connection.
const dialTimeout = 3 * time.Second

// newTransport makes a way out: through the address guard, with no
// proxy of the environment, behind which the guard would see only the proxy.
// The pace clock bounds how long a response may take.
func newTransport(g *guard) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: g.control}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        32,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		// A body that the transport decodes would be counted too late.
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
		HTTP2: &http.HTTP2Config{
			// Bytes that an origin sends before they are read are on the heap and
			// in no reservation: by default 4 MiB for each fetch that waits for
			// memory. This window allows 2.5 MB a second from an origin 50 ms away.
			MaxReceiveBufferPerStream: 128 << 10,
			// A connection that died in silence would fail every fetch from
			// its host until the kernel noticed.
			SendPingTimeout: 15 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

// dialOnly connects to a proxy and to nothing else. The operator has named it, so that it may be at an
// address that the guard refuses.
func dialOnly(proxy *url.URL) func(ctx context.Context, network, address string) (net.Conn, error) {
	port := proxy.Port()
	if port == "" {
		port = "80"
	}
	want := net.JoinHostPort(proxy.Hostname(), port)
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != want {
			return nil, fmt.Errorf("%w: %s is not the proxy", ErrRefused, address)
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// guardBehindProxy refuses what can be seen to be refused before a proxy is asked: addresses and ports of
// URLs. What names lead to only the proxy knows.
func (f *Fetcher) guardBehindProxy(u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: port %s", ErrRefused, port)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return f.guard.check(netip.AddrPortFrom(ip, uint16(n)))
	}
	if !portAllowed(uint16(n)) {
		return fmt.Errorf("%w: port %d", ErrRefused, n)
	}
	return nil
}
