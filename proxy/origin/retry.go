package origin

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A request whose connection fails before the header of a response is made once more. So that a host that
// fails does not get twice the requests, only a share of them may be, and a few besides.
const (
	retryShare = 0.1
	// firstRetries are allowed before there were requests, mostRetries are saved up at most.
	firstRetries, mostRetries = 3, 10
	// maxRetryHosts bounds the hosts that are remembered, at some 200 bytes each.
	maxRetryHosts = 1024
	// The pause before the second request is between these.
	shortestRetryPause, longestRetryPause = 20 * time.Millisecond, 100 * time.Millisecond
)

// RetryStats count requests that were made once more.
type RetryStats struct {
	// Made requests were made once more, and of these Recovered got a response; Refused were not made, as
	// their host had used up its share.
	Made, Recovered, Refused uint64
}

// retries are the budgets of hosts for making requests once more.
type retries struct {
	mu sync.Mutex
	// saved is how many requests of a host may be made once more.
	saved *simplelru.LRU[string, float64]
	stats RetryStats
}

func newRetries() *retries {
	saved, _ := simplelru.NewLRU[string, float64](maxRetryHosts, nil) // the error is of a size below 1
	return &retries{saved: saved}
}

// addRequest saves a share of a request up for its host.
func (r *retries) addRequest(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	saved, ok := r.saved.Get(host)
	if !ok {
		saved = firstRetries
	}
	r.saved.Add(host, min(saved+retryShare, mostRetries))
}

// take says whether a request may be made once more.
func (r *retries) take(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	saved, _ := r.saved.Get(host)
	if saved < 1 {
		r.stats.Refused++
		return false
	}
	r.saved.Add(host, saved-1)
	r.stats.Made++
	return true
}

func (r *retries) recordRecovered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Recovered++
}

// RetryStats are the figures of now.
func (f *Fetcher) RetryStats() RetryStats {
	f.retries.mu.Lock()
	defer f.retries.mu.Unlock()
	return f.retries.stats
}

// isConnectionError says whether an error of a transport is of the connection: refused, reset, or closed by the
// origin before a response. Names, certificates and time are not among them: they would not be better at once.
func isConnectionError(err error) bool {
	for _, is := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, io.EOF,
		io.ErrUnexpectedEOF} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// send makes a request, and once more if its connection fails and the fetch has not done that before. A probe of
// a suspended host is made once.
func (r *httpFetch) send(req *http.Request, t *http.Transport, a *attempt) (*http.Response, error) {
	f := r.f
	f.retries.addRequest(a.host)
	resp, err := r.exchange(req, t)
	if err == nil || r.retried || a.probe != nil || r.ctx.Err() != nil || !isConnectionError(err) ||
		!f.retries.take(a.host) {
		return resp, err
	}
	r.retried = true
	if !pauseBeforeRetry(r.ctx) {
		return nil, err
	}
	resp, err = r.exchange(req.Clone(r.ctx), t)
	if err == nil {
		f.retries.recordRecovered()
	}
	return resp, err
}

// exchange makes a request, and waits for the header of its response.
func (r *httpFetch) exchange(req *http.Request, t *http.Transport) (*http.Response, error) {
	if r.client.Trace == nil {
		return t.RoundTrip(req)
	}
	end, status := r.client.Trace.Begin(req), 0
	resp, err := t.RoundTrip(req)
	if err == nil {
		status = resp.StatusCode
	}
	end(status, err)
	return resp, err
}

// pauseBeforeRetry waits a little; it is false where the context has ended.
func pauseBeforeRetry(ctx context.Context) bool {
	timer := time.NewTimer(shortestRetryPause + rand.N(longestRetryPause-shortestRetryPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
