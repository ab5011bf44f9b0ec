package enginetest

import (
	"net"
	"testing"
)

func TestEnginesStartAgainAtTheirAddress(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *Engine{"redis": Redis, "nats": NATS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			pid := e.PID()
			e.Kill()
			if _, err := net.Dial("tcp", e.Address()); err == nil {
				t.Fatal("a killed engine answers")
			}
			e.Kill()
			e.Start()
			conn, err := net.Dial("tcp", e.Address())
			if err != nil || e.PID() == pid {
				t.Fatalf("process %d after %d: %v", e.PID(), pid, err)
			}
			conn.Close()
		})
	}
}

// Addresses that are handed out are different although none is taken yet.
func TestFreeAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		host, port := FreeAddress(t)
		if at := net.JoinHostPort(host, port); seen[at] {
			t.Fatalf("%s twice", at)
		} else {
			seen[at] = true
		}
	}
}
