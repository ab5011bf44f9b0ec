package buckets

import "net/http"

// exchange is what a request for an object has, and its response, that the SDK does not tell of.
type exchange struct {
	ifNoneMatch string
	header      http.Header
	status      int
	size        int64
}

type exchangeKey struct{}

// exchanges fills in the exchange of a request's context.
type exchanges struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t exchanges) RoundTrip(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok || x.header != nil { // the SDK may go on with an object whose body has broken off
		return t.base.RoundTrip(req)
	}
	if x.ifNoneMatch != "" {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", x.ifNoneMatch)
	}
	resp, err := t.base.RoundTrip(req)
	if err == nil && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNotModified) {
		x.header, x.size = headerOf(resp.Header), resp.ContentLength
		x.status = resp.StatusCode
	}
	return resp, err
}

// newExchangeClient is a client whose requests have exchanges.
func newExchangeClient() *http.Client {
	client := newClient()
	client.Transport = exchanges{client.Transport}
	return client
}
