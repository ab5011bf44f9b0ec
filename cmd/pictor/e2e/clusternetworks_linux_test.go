package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pictor-proxy/pictor/cache/enginetest"
)

// busWay is a server's way to the bus, and where the server runs.
type busWay interface {
	// command is pictor where the server runs, and flags that it needs there.
	command() (*exec.Cmd, []string)
	// address is where the server finds the bus.
	address() string
	// cutOff tears the way, and heal mends it.
	cutOff()
	oneWay()
	heal()
}

func (k *link) command() (*exec.Cmd, []string) { return exec.Command(program), nil }
func (k *link) address() string                { return k.Addr().String() }
func (k *link) cutOff()                        { k.cut.Store(true) }
func (k *link) oneWay()                        { k.cutOff() } // there are no directions
func (k *link) heal()                          { k.drop(); k.cut.Store(false) }

// clusterNetworks is a machine that has namespaces of networks, and an address for origins.
const clusterNetworks = `set -e
ip link set lo up
ip addr add ` + originHost + `/32 dev lo
mkdir -p /run/netns
mount -t tmpfs none /run/netns
`

const originHost = "10.99.0.1"

// namespace is a network of one server. It has a cable to the bus, and another one to the origin. What the test asks
// the server takes neither: the test enters the network.
type namespace struct {
	t    testing.TB
	i    int
	port string
}

func newNamespace(t testing.TB, i int, port string) *namespace {
	t.Helper()
	n := &namespace{t, i, port}
	n.sh(`set -e
ip netns add s%[1]d
ip -n s%[1]d link set lo up
for cable in bus:97 web:98; do
	name="${cable%%%%:*}" net="10.${cable#*:}.%[1]d"
	ip link add "${name}%[1]d" type veth peer name "$name" netns s%[1]d
	ip addr add "$net.1/24" dev "${name}%[1]d"
	ip link set "${name}%[1]d" up
	ip -n s%[1]d addr add "$net.2/24" dev "$name"
	ip -n s%[1]d link set "$name" up
done
ip -n s%[1]d route add `+originHost+` via 10.98.%[1]d.1`, i)
	return n
}

func (n *namespace) sh(script string, args ...any) {
	n.t.Helper()
	if out, err := exec.Command("sh", "-c", fmt.Sprintf(script, args...)).CombinedOutput(); err != nil {
		n.t.Fatalf("%v: %s", err, out)
	}
}

// insideHost is the address at which a server listens in its network. Its last number says which network that is.
const insideHost = "127.0.1."

func (n *namespace) command() (*exec.Cmd, []string) {
	at := fmt.Sprint(insideHost, n.i+1, ":0")
	return exec.Command("ip", "netns", "exec", fmt.Sprint("s", n.i), program),
		[]string{"--listen", at, "--admin-listen", at, "--allow-networks", "10.0.0.0/8"}
}

func (n *namespace) address() string { return fmt.Sprintf("10.97.%d.1:%s", n.i, n.port) }

// cutOff pulls the cable, and oneWay loses what the bus sends: it hears of the server, which hears nothing.
func (n *namespace) cutOff() { n.sh("ip link set bus%d down", n.i) }
func (n *namespace) oneWay() { n.sh("ip route add blackhole 10.97.%d.2/32", n.i) }

func (n *namespace) heal() {
	n.sh("ip link set bus%[1]d up; ip route del blackhole 10.97.%[1]d.2/32 2>/dev/null || true", n.i)
}

// dialInside connects to a server in its network.
func dialInside(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	host, _, _ := net.SplitHostPort(address)
	number, ok := strings.CutPrefix(host, insideHost)
	if !ok {
		return dialer.DialContext(ctx, network, address)
	}
	var i int
	if _, err := fmt.Sscan(number, &i); err != nil {
		return nil, err
	}
	runtime.LockOSThread() // a socket is of the network that its thread is in
	outside, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer outside.Close()
	inside, err := os.Open(fmt.Sprint("/run/netns/s", i-1))
	if err != nil {
		return nil, err
	}
	defer inside.Close()
	if err := unix.Setns(int(inside.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	conn, failed := dialer.DialContext(ctx, network, address)
	if err := unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err // the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return conn, failed
}

// newNetworks are the origin, the bus and ways to it in namespaces; without root, cables that are not pulled but
// swallow what is sent.
func newNetworks(t *testing.T, servers int) (o *versions, e *engine, ways []busWay) {
	if os.Getenv(namespaceVar) == "" {
		o, e = newVersions(t), startRedis(t)
		for range servers {
			ways = append(ways, newLink(t, e.Address()))
		}
		return o, e, ways
	}
	client.Transport.(*http.Transport).DialContext = dialInside
	o = &versions{now: map[string]int{}}
	o.Server = httptest.NewUnstartedServer(http.HandlerFunc(o.answer))
	l, err := net.Listen("tcp", originHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	o.Listener.Close()
	o.Listener = l
	o.Start()
	t.Cleanup(o.Close)
	redis := enginetest.Run(t, "redis-server", "--port", "{port}", "--bind", "0.0.0.0", "--protected-mode", "no",
		"--dir", "{dir}", "--appendonly", "yes", "--appendfsync", "always", "--save", "")
	e = &engine{redis, "redis://" + redis.Address()}
	for i := range servers {
		ways = append(ways, newNamespace(t, i, e.Port))
	}
	return o, e, ways
}
