package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// silentHost is an origin that never answers. ask asks a rig for so many of its
// sources; the test waits for them at its end.
func (r *rig) silentHost(n int) (ask func()) {
	release := make(chan struct{})
	host := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-release
		panic(http.ErrAbortHandler)
	}))
	var wg sync.WaitGroup
	r.t.Cleanup(func() {
		close(release)
		wg.Wait()
		host.Close()
	})
	return func() {
		for i := range n {
			path := fmt.Sprintf("/plain/%s/%d.png", host.URL, i)
			wg.Go(func() { r.get(context.Background(), "/"+ring.Sign(path)+path) })
		}
	}
}

// Finding 7 of the attacks, as a plan of 256 MiB has it: 64 fetches at once.
func TestHostsThatNeverAnswerLeaveTurnsToOthers(t *testing.T) {
	for _, hosts := range []int{2, 3, 6} {
		t.Run(fmt.Sprint(hosts), func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Plan.Fetches = 64 })
			for range hosts {
				r.silentHost(40)()
			}
			r.until("all are in or wait", func() bool { return r.server.sources.FetchStats().PerHost == 40*hosts })
			for i := range 20 {
				if resp, body := r.must(r.pathOf("w:100", fmt.Sprintf("/%d.png", i))); resp.StatusCode != 200 {
					t.Fatalf("%d %q", resp.StatusCode, body)
				}
			}
			m := r.server.Memory()
			if a := m.Accounts[0]; a.Name != "fetches" || a.InUse == a.Capacity || a.Waiting == 0 {
				t.Errorf("%+v", a)
			}
		})
	}
}
