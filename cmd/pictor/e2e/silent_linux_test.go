package e2e

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// silentConns are connections that send nothing.
type silentConns struct {
	t    testing.TB
	host string
	mu   sync.Mutex
	open []net.Conn
}

func (f *silentConns) dial(n int) {
	for range n {
		c, err := net.Dial("tcp", f.host)
		if err != nil {
			f.t.Error(err)
			return
		}
		f.mu.Lock()
		f.open = append(f.open, c)
		f.mu.Unlock()
	}
}

func (f *silentConns) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		c.Close()
	}
}

// Connections that send nothing do not take the places of clients that ask: with
// 300 new ones a second, and with 5000 at once.
func TestSilentConnectionsDoNotTakeThePlaces(t *testing.T) {
	long(t, "thousands of connections")
	t.Parallel() // it waits
	origin := newSite(t)
	origin.put("/a.jpg", photo(800, 600))
	for name, tc := range map[string]struct{ step, all int }{"300 a second": {30, 2400}, "5000 at once": {5000, 5000}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "--insecure", "--memory-limit", "256MiB", "--allow-networks", "127.0.0.0/8", "--cache-disk",
				"off")
			hit := "/insecure/w:300/plain/" + origin.URL + "/a.jpg"
			s.get(hit)
			f := &silentConns{t: t, host: strings.TrimPrefix(s.url, "http://")}
			defer f.close()
			over := make(chan struct{})
			go func() {
				defer close(over)
				for sent := 0; sent < tc.all && !t.Failed(); sent += tc.step {
					f.dial(tc.step)
					time.Sleep(100 * time.Millisecond)
				}
			}()
			once := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
			status := map[int]int{}
			for flooding := true; flooding; {
				select {
				case <-over:
					flooding = false // and once more
				case <-time.After(2 * time.Millisecond):
				}
				resp, err := once.Get(s.url + hit)
				if err != nil {
					t.Error(err)
					break
				}
				resp.Body.Close()
				status[resp.StatusCode]++
			}
			t.Logf("hits: %v", status)
			if len(status) != 1 || status[http.StatusOK] == 0 {
				t.Errorf("hits: %v", status)
			}
		})
	}
}
