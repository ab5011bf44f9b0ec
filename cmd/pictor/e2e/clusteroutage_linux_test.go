package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy"
)

// doubtful is how servers of a policy answer while their bus is silent, by what Cache-Status says of hits.
var doubtful = map[string]func(status string) bool{
	"stale": func(status string) bool {
		return strings.Contains(status, "; hit") && strings.Contains(status, "stale-")
	},
	"serve": func(status string) bool {
		return strings.Contains(status, "; hit") && !strings.Contains(status, "stale")
	},
	"revalidate": func(status string) bool {
		return !strings.Contains(status, "; hit") && strings.Contains(status, "; fwd=")
	},
}

// outage is a server under load, and what it answered.
type outage struct {
	*server
	policy string
	mu     sync.Mutex
	// answers are all, inDoubt those that say so. failed are not images, and odd not what the policy gives.
	answers, inDoubt int
	failed, odd      []string
}

// load asks for images until done, and notes what comes.
func (o *outage) load(origin string, done <-chan struct{}) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		a := o.attempt(fmt.Sprintf("/_/raw:1/plain/%s/%d.png", origin, i%20))
		status := a.header.Get("Cache-Status")
		o.mu.Lock()
		o.answers++
		silent := strings.Contains(status, "purge-bus-silent")
		if silent {
			o.inDoubt++
		}
		switch {
		case a.status != http.StatusOK:
			o.failed = append(o.failed, a.String())
		case silent && !doubtful[o.policy](status):
			o.odd = append(o.odd, a.String())
		}
		o.mu.Unlock()
	}
}

func (o *outage) count() (inDoubt int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.inDoubt
}

// The bus hangs, and is gone, under load: no request fails, each server does as its policy says, and all is well
// without a restart when the bus is back. make soak has the bus away for 30 seconds each time.
func TestBusIsGoneUnderLoad(t *testing.T) {
	t.Parallel() // it waits
	e, origin := startRedis(t), newVersions(t)
	var servers []*outage
	for policy := range doubtful {
		s := serve(t, clusterArgs(e, policy, t.TempDir(), "--purge-in-doubt", policy, "--purge-max-lag", "1s")...)
		servers = append(servers, &outage{server: s, policy: policy})
	}
	for _, s := range servers {
		for i := range 20 {
			s.get(fmt.Sprintf("/_/raw:1/plain/%s/%d.png", origin.URL, i))
		}
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	for _, s := range servers {
		wait.Go(func() { s.load(origin.URL, done) })
	}
	send := func(signal syscall.Signal) func() {
		return func() { _ = syscall.Kill(e.PID(), signal) }
	}
	for _, trouble := range []struct {
		name        string
		begin, over func()
	}{
		{"it hangs", send(syscall.SIGSTOP), send(syscall.SIGCONT)},
		{"it is gone", e.Kill, e.Start},
	} {
		var before []int
		for _, s := range servers {
			before = append(before, s.count())
		}
		began := time.Now()
		trouble.begin()
		for i, s := range servers {
			waitFor(t, trouble.name+": answers in doubt", func() bool {
				long := os.Getenv(soakVar) == "" || time.Since(began) > 30*time.Second
				return long && s.count() > before[i]+50
			})
		}
		trouble.over()
		for _, s := range servers {
			waitFor(t, trouble.name+": recovery", func() bool { return string(s.get("/health/ready").body) == "ok\n" })
		}
	}
	close(done)
	wait.Wait()
	for _, s := range servers {
		// An answer that was found before the doubt began may say that it has begun.
		if len(s.failed) > 0 || len(s.odd) > 2 {
			t.Errorf("%s: of %d answers failed %q, and odd were %q", s.policy, s.answers, s.failed, s.odd)
		}
		t.Logf("%s: %d answers, %d in doubt", s.policy, s.answers, s.inDoubt)
	}
	want := origin.change("/0.png")
	waitFor(t, "a confirmed purge", func() bool {
		_, status, err := servers[0].purgeAt(proxy.PurgeRequest{Sources: []string{origin.URL + "/0.png"}})
		return err == nil && status == http.StatusOK
	})
	for _, s := range servers {
		if got, err := versionOf(s.get("/_/raw:1/plain/" + origin.URL + "/0.png")); err != nil || got != want {
			t.Errorf("%s: version %d after a purge, %v, want %d", s.policy, got, err, want)
		}
	}
}
