package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// tap sees what leaves through loopback: where connections are opened to, and
// where datagrams go.
type tap struct {
	t    testing.TB
	fd   int
	mu   sync.Mutex
	seen map[netip.AddrPort]int
}

func newTap(t testing.TB) *tap {
	t.Helper()
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
		t.Fatal(err)
	}
	// So that the reader sees that it has been stopped.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}); err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, fd: fd, seen: map[netip.AddrPort]int{}}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); p.read(stop) }()
	t.Cleanup(func() { close(stop); <-ended; unix.Close(fd) })
	return p
}

func (p *tap) read(stop chan struct{}) {
	packet := make([]byte, 64<<10)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := unix.Recvfrom(p.fd, packet, 0)
		ll, ok := from.(*unix.SockaddrLinklayer)
		if err != nil || !ok || ll.Pkttype != unix.PACKET_OUTGOING { // each is seen going out and coming in
			continue
		}
		if to := opens(packet[:n]); to.IsValid() {
			p.mu.Lock()
			p.seen[to]++
			p.mu.Unlock()
		}
	}
}

// opens is where a packet begins to talk to: a SYN without ACK, or a datagram that
// is no reply of the test's DNS. It is zero for other packets.
func opens(b []byte) (to netip.AddrPort) {
	var protocol byte
	var address netip.Addr
	var rest []byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		protocol, rest = b[9], b[min(len(b), int(b[0]&15)*4):]
		address, _ = netip.AddrFromSlice(b[16:20])
	case len(b) >= 40 && b[0]>>4 == 6:
		protocol, rest = b[6], b[40:]
		address, _ = netip.AddrFromSlice(b[24:40])
	}
	const syn, ack = 2, 16
	if protocol == unix.IPPROTO_TCP && len(rest) >= 20 && rest[13]&(syn|ack) == syn ||
		protocol == unix.IPPROTO_UDP && len(rest) >= 8 && !(rest[0] == 0 && rest[1] == 53) {
		return netip.AddrPortFrom(address, uint16(rest[2])<<8|uint16(rest[3]))
	}
	return netip.AddrPort{}
}

// until waits for the packets that were sent before, and gives where they went,
// by how many.
func (p *tap) until() map[netip.AddrPort]int {
	p.t.Helper()
	last, err := net.ListenPacket("udp", "127.0.0.9:0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer last.Close()
	if _, err := last.WriteTo([]byte("the last one"), last.LocalAddr()); err != nil {
		p.t.Fatal(err)
	}
	end := netip.MustParseAddrPort(last.LocalAddr().String())
	waitFor(p.t, "the last packet", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.seen[end] > 0 })
	stats, err := unix.GetsockoptTpacketStats(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil || stats.Drops > 0 {
		p.t.Fatal("packets that were not looked at: ", fmt.Sprint(stats, err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = map[netip.AddrPort]int{}
	delete(seen, end)
	return seen
}
