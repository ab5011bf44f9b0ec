package origin

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"sync/atomic"
	"time"
)

// The names of origins that no settings have a name for.
const (
	// OtherOrigins are all hosts without Settings.
	OtherOrigins = "other"
	// LocalOrigin is Config.Local.
	LocalOrigin = "local"
)

// FetchReport is what came of a fetch.
type FetchReport struct {
	// Origin is the name of the Settings or of the Account of the source, else OtherOrigins or LocalOrigin. A redirect
	// does not change it.
	Origin string
	// Result is ok, unchanged, not-found, denied, status, timeout, unreachable, refused, suspended, too-large, broken
	// (the response is none of an image), or abandoned: the caller has ended the fetch.
	Result string
	// Took is without the time in which the caller made room for the bytes.
	Took time.Duration
	// Bytes is how many of the source were received, 0 where the fetch failed.
	Bytes int64
}

// results are the errors of fetches by their names; those that are not here are the caller's.
var results = []struct {
	err  error
	name string
}{
	{ErrNotFound, "not-found"}, {fs.ErrNotExist, "not-found"}, {ErrDenied, "denied"}, {ErrStatus, "status"},
	{ErrTimeout, "timeout"}, {ErrUnreachable, "unreachable"}, {ErrRefused, "refused"}, {ErrTooLarge, "too-large"},
	{ErrTruncated, "broken"}, {ErrPartial, "broken"}, {ErrRedirects, "broken"}, {ErrCoding, "broken"},
	{ErrEncoding, "broken"}, {ErrLoop, "broken"}, {ErrBadSource, "refused"}, {ErrSourceNotAllowed, "refused"},
}

// resultOf is the Result of a fetch.
func resultOf(changed bool, err error) string {
	var suspended *suspension
	switch {
	case err == nil && changed:
		return "ok"
	case err == nil:
		return "unchanged"
	case errors.As(err, &suspended):
		return "suspended"
	}
	for _, r := range results {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "abandoned"
}

// Watch has a function called after each fetch, by the goroutine that made it. There is one at most; images of
// Config.Images are none of an origin.
func (f *Fetcher) Watch(report func(FetchReport)) { f.watcher.Store(&report) }

// reported runs a fetch from a place into w, and reports it.
func (f *Fetcher) reported(at location, w io.Writer, reserve func(int64) error, fetch func(reserve func(int64) error) (
	meta Meta, changed bool, err error)) (meta Meta, changed bool, err error) {
	report := f.watcher.Load()
	if report == nil || at.image != "" {
		return fetch(reserve)
	}
	var waited atomic.Int64
	began := time.Now()
	meta, changed, err = fetch(func(n int64) error {
		asked := time.Now()
		defer func() { waited.Add(int64(time.Since(asked))) }()
		return reserve(n)
	})
	received := meta.Size
	if part, ok := w.(PartWriter); ok && err == nil && changed {
		received, _ = part.Received()
	}
	(*report)(FetchReport{
		Origin: f.originOf(at), Result: resultOf(changed, err), Bytes: received,
		Took: time.Since(began) - time.Duration(waited.Load()),
	})
	return meta, changed, err
}

// originOf is the name of the origin of a place.
func (f *Fetcher) originOf(at location) string {
	switch {
	case at.object != (Object{}):
		return f.accounts.accountOf(at.object).Name
	case at.url == nil:
		return LocalOrigin
	}
	return f.originOfURL(at.url)
}

func (f *Fetcher) originOfURL(u *url.URL) string {
	if name := f.accessTo(u).Name; name != "" {
		return name
	}
	return OtherOrigins
}

// Origins are the names that reports may have, each once.
func (f *Fetcher) Origins() []string {
	all := []string{OtherOrigins, LocalOrigin}
	for _, a := range f.accesses {
		all = append(all, a.Name)
	}
	for _, a := range f.accounts {
		all = append(all, a.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
