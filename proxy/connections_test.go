package proxy

import (
	"net"
	"net/http"
	"testing"
)

// connect has clients connect that are not idle, and gives what disconnects all of
// them.
func (r *rig) connect(clients int) (disconnect func()) {
	r.t.Helper()
	h := &http.Server{}
	l := r.server.LimitListener(h, pipes{})
	var open []net.Conn
	for range clients {
		c, err := l.Accept()
		if err != nil {
			r.t.Fatal(err)
		}
		h.ConnState(c, http.StateActive)
		open = append(open, c)
	}
	return func() {
		for _, c := range open {
			c.Close()
		}
	}
}

// pipes is a net.Listener that clients connect to all the time.
type pipes struct{ net.Listener }

func (pipes) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}

// Fewer clients than there are come into force at once: those that wait are closed,
// which changes what others may have.
func TestFewerConnectionsComeIntoForce(t *testing.T) {
	const step = 32 // by which clients are counted
	r := newSlowRig(t, 64, nil)
	for range 3 * step {
		c, err := net.Dial("tcp", r.front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	r.until("all are connected", func() bool { return r.server.memory.Connections.Count() == 3*step })
	plan := r.cfg.Plan
	plan.Clients = step
	if err := r.server.Resize(plan); err != nil {
		t.Fatal(err)
	}
	if n := r.server.memory.Connections.Count(); n != step {
		t.Errorf("%d are connected", n)
	}
}
