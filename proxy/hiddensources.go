package proxy

import (
	"context"
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/hidden"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// HiddenSources are the sources that URLs name by a hash.
type HiddenSources struct {
	// Store has them; nil for none.
	Store *hidden.Store
	// Failure is why there is no Store although there should be one; nil where they are off.
	Failure error
}

// errHiddenOff is of a hash where there are no hidden sources.
var errHiddenOff = fmt.Errorf("%w: this server has no hidden sources (--max-hidden-sources)", hidden.ErrUnknown)

// sourceOf is the URL of a hidden source. The hash may be unknown, or the disk not respond.
func (h HiddenSources) sourceOf(hash signedurl.SourceHash) (string, error) {
	switch {
	case h.Failure != nil:
		return "", fmt.Errorf("%w: %w", hidden.ErrLog, h.Failure)
	case h.Store == nil:
		return "", errHiddenOff
	}
	return h.Store.Find(context.Background(), hidden.Hash(hash)) // which waits for a second at most
}

// withSource gives a request the source that its hash stands for, if it has one. All that follows, such
// as the rules of sources and the cache key, is of that source.
func (h HiddenSources) withSource(req signedurl.Request, err error) (signedurl.Request, error) {
	if err != nil || !req.IsHidden() {
		return req, err
	}
	req.Source, err = h.sourceOf(req.SourceHash)
	if err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}

// withSources is withSource of several requests.
func (h HiddenSources) withSources(all []signedurl.Request, err error) ([]signedurl.Request, error) {
	for i := range all {
		if all[i], err = h.withSource(all[i], err); err != nil {
			return nil, err
		}
	}
	return all, err
}
