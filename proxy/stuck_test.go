package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Reservations that nobody gives back make a server not ready once requests have waited for longer than any work may
// take, and it is ready as soon as they are given back.
func TestStuckBudgetIsNotReady(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RequestTimeout, c.QueueWait = 40*time.Second, 10*time.Second })
	now := time.Now()
	pass := func(seconds int) {
		for range seconds {
			now = now.Add(time.Second)
			r.server.memory.CheckStuck(now)
		}
	}
	b := r.server.memory.Budgets.Transforms
	held, err := b.TryAcquire(b.Stats().Capacity - 1)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	ready := func() (int, string) {
		resp, body := r.must("/health/ready")
		return resp.StatusCode, body
	}
	stuckMetric := func() bool {
		scrape := httptest.NewRecorder()
		r.server.Admin("").ServeHTTP(scrape, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081/metrics", nil))
		return strings.Contains(scrape.Body.String(), `pictor_budget_stuck{budget="transforms"} 1`)
	}
	if status, body := ready(); status != http.StatusOK || r.server.Stuck() != nil || stuckMetric() {
		t.Errorf("before a request waits: %d %s", status, body)
	}
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		if g, err := b.Acquire(t.Context(), b.Stats().Capacity/2); err == nil {
			g.Release()
		}
	}()
	r.until("a request waits", func() bool { return b.Stats().Waiting == 1 })
	pass(100)
	if status, body := ready(); status != http.StatusOK {
		t.Errorf("after 100 s: %d %s", status, body)
	}
	pass(1)
	status, body := ready()
	if status != http.StatusServiceUnavailable || !strings.HasPrefix(body, "stuck: requests wait") || !stuckMetric() {
		t.Errorf("while it is stuck: %d %s", status, body)
	}
	if resp, _ := r.must("/health/live"); resp.StatusCode != http.StatusOK {
		t.Errorf("while it is stuck, live: %d", resp.StatusCode)
	}
	held.Release()
	<-waiting
	pass(1)
	if status, body := ready(); status != http.StatusOK || stuckMetric() {
		t.Errorf("afterwards: %d %s", status, body)
	}
}
