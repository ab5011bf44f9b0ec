package proxy

import (
	"context"
	"runtime"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/memory"
)

// The server's figures are there, and its parts are the total, also without
// workers in other processes.
func TestMemoryOfTheServer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel gives no figures here")
	}
	r := newRig(t, func(c *Config) { c.Plan.Limit = 1 << 30 })
	started, release := r.hold()
	done := make(chan struct{})
	go func() { defer close(done); r.get(context.Background(), r.path("w:10")) }()
	<-started
	m := r.server.Memory()
	close(release)
	<-done
	var planned int64
	for _, part := range m.Plan {
		planned += part.Bytes
	}
	if m.Total == 0 || m.Problem != "" || m.Sources.Count != 1 || m.Limit != 1<<30 || planned != 1<<30 ||
		len(m.Processes) != 1 || m.Processes[0].Kind != "server" {
		t.Errorf("%+v", m)
	}
	if d := float64(m.Sum)/float64(m.Total) - 1; d > 0.1 || d < -0.1 {
		t.Errorf("parts sum to %d of %d", m.Sum, m.Total)
	}
	var fetches memory.BudgetReport
	for _, a := range m.Accounts {
		if a.Name == "fetches" {
			fetches = a
		}
	}
	if fetches.InUse != 1 || fetches.Capacity != 256 {
		t.Errorf("%+v", fetches)
	}
}
