package origin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// within is a Config with timeouts in the place of its own. A FirstByte that is not given is no longer than the
// Timeout.
func (cfg Config) within(t Timeouts) Config {
	cfg.Timeout = cmp.Or(t.Timeout, cfg.Timeout)
	cfg.FirstByte = cmp.Or(t.FirstByte, min(cfg.FirstByte, cfg.Timeout))
	return cfg
}

// StoreTransport is a transport for clients of object stores. It is the one of sources but for the address guard:
// stores are where the operator says. Clients must follow no redirects.
func StoreTransport() *http.Transport {
	t := newTransport(&guard{})
	t.DialContext = (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	return t
}

// fetchObject reads an object, as fetchHTTP does a source.
func (f *Fetcher) fetchObject(ctx context.Context, o Object, trace Trace, have Validators, w io.Writer,
	reserve func(int64) error) (meta Meta, changed bool, err error) {
	account := f.accounts.accountOf(o).tracedBy(trace)
	ctx, p := newPaceClock(ctx, f.cfg.within(account.Timeouts))
	defer p.stop()
	resp, attempt, err := f.askStore(ctx, p, account, o, have)
	if err != nil {
		return Meta{}, false, err
	}
	defer func() { attempt.recordEnd(err) }()
	if resp.Unchanged {
		return f.metaOf(resp.Header), false, nil
	}
	defer resp.Body.Close()
	p.bodyBegan()
	wire := &wireBody{cfg: f.cfg, ctx: ctx, pace: p, body: resp.Body, size: resp.Size}
	body, size, err := f.cfg.decodeBody(wire, resp.Header)
	if err != nil {
		return Meta{}, false, err
	}
	meta = f.metaOf(resp.Header)
	meta.Size, err = f.cfg.copyBody(w, body, size, func(n int64) error {
		return p.pauseWhile(func() error { return reserve(n) })
	})
	if err != nil {
		return Meta{}, false, err
	}
	return meta, true, nil
}

// askStore asks for an object, unless its bucket is suspended. The caller ends the attempt.
func (f *Fetcher) askStore(ctx context.Context, p *paceClock, account *Account, o Object, have Validators,
) (*ObjectResponse, *attempt, error) {
	if have.URL != "" {
		have = Validators{} // of a time when the source was elsewhere
	}
	for {
		attempt, err := f.breakers.beginAttempt(o.site(), account.Name)
		if err != nil {
			return nil, nil, err
		}
		p.requestSent() // what finds credentials is the store's time
		resp, err := account.open(ctx, o, StoredObject{have.ETag, have.LastModified})
		p.responseBegan()
		if err == nil && resp.Unchanged && !have.matchesETag(resp.Header.Get("ETag")) {
			// As in getSource: the response is about another object than the stored one.
			attempt.recordEnd(nil)
			have = Validators{}
			continue
		}
		if err == nil {
			attempt.recordHeader(&http.Response{StatusCode: http.StatusOK})
			return resp, attempt, nil
		}
		return nil, nil, account.recordError(ctx, attempt, err)
	}
}

// tracedBy is the account with its requests in a trace; nil for none. How often a store's client asks for one object is
// its own affair, so that is one request.
func (a *Account) tracedBy(trace Trace) *Account {
	if trace == nil {
		return a
	}
	traced := *a
	traced.Open = func(ctx context.Context, o Object, have StoredObject) (*ObjectResponse, error) {
		end := trace.Begin(&http.Request{Method: http.MethodGet, Header: http.Header{},
			URL: &url.URL{Scheme: o.Store, Host: o.Bucket, Path: "/" + o.Key}})
		resp, err := a.Open(ctx, o, have)
		var said *ObjectError
		switch {
		case errors.As(err, &said):
			end(said.Status, nil)
		case err != nil:
			end(0, err)
		case resp.Unchanged:
			end(http.StatusNotModified, nil)
		default:
			end(http.StatusOK, nil)
		}
		return resp, err
	}
	return &traced
}

// open is Open that returns when ctx has ended: what finds credentials may wait for longer.
func (a *Account) open(ctx context.Context, o Object, have StoredObject) (*ObjectResponse, error) {
	type opened struct {
		resp *ObjectResponse
		err  error
	}
	result := make(chan opened, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // a client's, which shall cost one fetch alone
				result <- opened{err: fmt.Errorf("panic: %v", p)}
			}
		}()
		resp, err := a.Open(ctx, o, have)
		result <- opened{resp, err}
	}()
	select {
	case r := <-result:
		return r.resp, r.err
	case <-ctx.Done():
		go func() {
			if r := <-result; r.err == nil && r.resp.Body != nil {
				r.resp.Body.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// recordError classifies an error of Open, and ends the attempt with it.
func (a *Account) recordError(ctx context.Context, attempt *attempt, err error) error {
	var said *ObjectError
	if !errors.As(err, &said) || context.Cause(ctx) != nil {
		err = transportFailure(ctx, ErrUnreachable, fmt.Errorf("account %s: %w", a.Name, err))
		attempt.recordEnd(err)
		return err
	}
	attempt.recordHeader(&http.Response{StatusCode: said.Status})
	attempt.recordEnd(nil) // of an attempt only the first result counts
	kind := ErrStatus
	switch said.Status {
	case http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons:
		kind = ErrNotFound
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		if 400 <= said.Status && said.Status < 500 {
			kind = ErrDenied
		}
	}
	return newFailure(kind, fmt.Sprintf("account %s: %v", a.Name, said))
}
