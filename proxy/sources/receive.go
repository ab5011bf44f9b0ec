package sources

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"github.com/pictor-proxy/pictor/cache/flight"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// ReceivedIdentity begins the identity of a source that a client has sent; a hash of its bytes follows. No URL
// begins so.
const ReceivedIdentity = "upload:"

// Receive makes a source of bytes that a client sends. It is the caller's alone: no other fill finds it, and it is not
// written to disk. copyTo writes the bytes to w, and has reserve admit them before. The caller releases the source.
func (t *Store) Receive(
	ctx context.Context, wait *budget.QueueWait, copyTo func(w io.Writer, reserve func(int64) error) error,
) (*Source, error) {
	src := &Source{store: t, loadMu: make(chan struct{}, 1)}
	if err := src.receive(ctx, wait, copyTo); err != nil {
		src.close()
		return nil, err
	}
	f, _, err := t.flights.Join(src.request.Identity, receipt{src}, flight.Caller[string, *Source]{Bypass: true})
	if errors.Is(err, flight.ErrClosed) {
		err = context.Canceled
	}
	if err != nil {
		src.close()
		return nil, err
	}
	<-f.Done()
	if f.Err != nil {
		f.Leave()
		return nil, f.Err
	}
	return src, nil
}

// receive fills the source.
func (src *Source) receive(
	ctx context.Context, wait *budget.QueueWait, copyTo func(w io.Writer, reserve func(int64) error) error,
) (err error) {
	if src.data, err = memfile.New(); err != nil {
		return err
	}
	sum := sha256.New()
	if err := copyTo(io.MultiWriter(src.data, sum), src.reserveBytes(ctx, wait)); err != nil {
		return err
	}
	if err := src.data.Seal(); err != nil {
		return err
	}
	size := src.data.Size()
	if src.grant != nil {
		src.grant.Shrink(size) // a form, and a body of unknown length, were reserved with more
	}
	version := versionOf(sum)
	src.request = Request{Identity: ReceivedIdentity + version}
	// What a client sends is of no URL that a cache could find it by.
	meta := origin.Meta{Size: size, Freshness: origin.Freshness{NoStore: true}}
	src.meta = newMeta(meta, src.request, src.store.cfg.Clock.Applied(), src.store.cfg.Now())
	src.meta.Version = version
	src.info, err = sniff(src.data)
	return err
}

// receipt is the work of the flight of a source that is there already. The flight counts its users.
type receipt struct{ source *Source }

// Run implements flight.Work.
func (r receipt) Run(_ context.Context, f *sourceFlight) (*Source, error) {
	r.source.flight = f
	return r.source, nil
}

// Complete implements flight.Work.
func (r receipt) Complete(f *sourceFlight) { f.Forget() }

// Release implements flight.Work.
func (r receipt) Release(*sourceFlight) { r.source.close() }
