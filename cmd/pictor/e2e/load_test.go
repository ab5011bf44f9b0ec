package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is what came of many requests.
type load struct {
	status map[int]int
	// failed are requests without an answer, silent 503s without Retry-After.
	failed, silent int
	took           []time.Duration // sorted
	wall           time.Duration
}

func (l load) percentile(p float64) time.Duration {
	if len(l.took) == 0 {
		return 0
	}
	return l.took[min(int(p*float64(len(l.took))), len(l.took)-1)]
}

// rate is how many pictures a second came.
func (l load) rate() float64 { return float64(l.status[http.StatusOK]) / l.wall.Seconds() }

func (l load) String() string {
	return fmt.Sprintf("%v in %v: %.1f pictures a second, median %v, p99 %v, longest %v, %d without an answer",
		l.status, l.wall.Round(time.Millisecond), l.rate(), l.percentile(0.5).Round(time.Microsecond),
		l.percentile(0.99).Round(time.Microsecond), l.percentile(1).Round(time.Microsecond), l.failed)
}

// burst asks for n paths by closedLoop, over connections that are kept.
func (s *server) burst(clients, n int, path func(i int) string) load {
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	return closedLoop(clients, n, func(i int) (status int, header http.Header, err error) {
		resp, err := client.Get(s.url + path(i))
		if err != nil {
			return 0, nil, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, resp.Header, err
	})
}

// closedLoop has clients that each ask, wait for the answer, and ask again, until n requests were made. ask makes the
// i-th of them.
func closedLoop(clients, n int, ask func(i int) (status int, header http.Header, err error)) load {
	l := load{status: map[int]int{}}
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for range clients {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				began := time.Now()
				status, header, err := ask(int(i))
				took := time.Since(began)
				mu.Lock()
				l.took = append(l.took, took)
				if err != nil {
					l.failed++
				} else {
					l.status[status]++
					if status == http.StatusServiceUnavailable && header.Get("Retry-After") == "" {
						l.silent++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l.wall = time.Since(start)
	slices.Sort(l.took)
	return l
}

// hits asks for one path again and again, by one client, until stop is called.
func (s *server) hits(t testing.TB, path string) (stop func() load) {
	t.Helper()
	if a := s.get(path); a.status != http.StatusOK {
		t.Fatalf("the picture to be hit: %v", a)
	}
	end, done := make(chan struct{}), make(chan load)
	go func() {
		l := load{status: map[int]int{}}
		for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			select {
			case <-end:
				l.wall = time.Since(start)
				slices.Sort(l.took)
				done <- l
				return
			default:
			}
			began := time.Now()
			a, err := s.try(http.MethodGet, path)
			l.took = append(l.took, time.Since(began))
			if err != nil {
				l.failed++
			}
			l.status[a.status]++
		}
	}()
	return func() load { close(end); return <-done }
}
