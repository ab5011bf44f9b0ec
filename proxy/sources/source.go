package sources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Source is a source in use: by those who work on it or wait for it, and while
// it is got or written to disk.
type Source struct {
	t *Store
	// request is of the one for whom it is got, and id what that is kept
	// under.
	request Request
	id      string
	// seq is the purge clock's before anybody was asked about it.
	seq uint64
	// ready is closed when all below is known: err, or meta and where the bytes
	// are, here or in a record.
	ready  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	err    error
	meta   Meta
	// waited is how long the getting stood in lines.
	waited time.Duration

	// here has one slot, for who looks at or changes what follows it.
	here   chan struct{}
	record *diskstore.Record
	data   *memfile.Source
	// grant is what is reserved for data; nil for none.
	grant *budget.Grant
	info  transform.Info

	// users counts, under the table's lock, the getting as one; with the last
	// one it all ends.
	users int
}

// ImageError tells of a source that is there, and is no picture to work on.
type ImageError struct {
	Info transform.Info
	Err  error
}

func (e *ImageError) Error() string { return e.Err.Error() }

// Unwrap is what is wrong with it.
func (e *ImageError) Unwrap() error { return e.Err }

// ErrLost: the store does not have the bytes any more that it had.
var ErrLost = errors.New("a stored source is gone")

// urlScopedError is what an origin holds against a URL that is one of several of a
// source, such as that its signature has expired.
type urlScopedError struct{ err error }

func (e *urlScopedError) Error() string { return e.err.Error() }

// Unwrap is what it says.
func (e *urlScopedError) Unwrap() error { return e.err }

// IsURLScoped says whether an error is of one URL of a source, and not of the
// source.
func IsURLScoped(err error) bool {
	own := (*urlScopedError)(nil)
	return errors.As(err, &own)
}

func newSource(t *Store, w Request) *Source {
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.Timeout)
	return &Source{
		t: t, request: w, id: w.ID(), seq: t.cfg.Clock.Applied(), ready: make(chan struct{}),
		ctx: ctx, cancel: cancel, here: make(chan struct{}, 1), users: 2,
	}
}

// getting: it is not known yet.
func (src *Source) getting() bool {
	select {
	case <-src.ready:
		return false
	default:
		return true
	}
}

// right says whether a source that is ready is one for somebody who did not ask
// for it first, and serves whether it still is.
func (src *Source) right(w Request) bool {
	if src.err != nil || src.meta.NoStore {
		return false
	}
	hard, soft := src.meta.purges(src.t.cfg.Clock)
	return src.meta.Seq >= max(hard, soft, w.MinFetched, w.MinValidated)
}

func (src *Source) serves(w Request) bool {
	return src.right(w) && src.meta.fresh(src.t.cfg.TTL, src.t.cfg.Now())
}

// failedAlone says whether a source could not be had for a reason that need not
// be one for those who joined: there was less time than they have left, or it
// is their URL that is refused.
func (src *Source) failedAlone() bool {
	return errors.Is(src.err, context.DeadlineExceeded) || errors.Is(src.err, context.Canceled) || IsURLScoped(src.err)
}

// Release is a user that is done. When only the getting is left it ends, and
// nobody may join it; with the last one the memory is given back.
func (src *Source) Release() {
	t := src.t
	t.mu.Lock()
	src.users--
	last := src.users == 0
	if last || src.users == 1 && src.getting() {
		src.cancel()
		src.forget()
	}
	t.mu.Unlock()
	if last {
		src.close()
	}
}

// forget takes the source off the table, if it is there. The table's lock is held.
func (src *Source) forget() {
	if src.t.open[src.id] == src {
		delete(src.t.open, src.id)
	}
}

// close gives memory back before the reservation for it: the other way round,
// a newcomer could be admitted onto pages that are still there.
func (src *Source) close() {
	if src.record != nil {
		_ = src.record.Close() // it was only read
	}
	if src.data != nil {
		src.data.Close()
	}
	if src.grant != nil {
		src.grant.Release()
	}
}

// Meta is what is known of the source, Data its bytes once Load has brought them.
func (src *Source) Meta() Meta             { return src.meta }
func (src *Source) Data() transform.Source { return src.data }

// Reserved is what is reserved for the bytes that are here.
func (src *Source) Reserved() int64 {
	if src.grant == nil {
		return 0
	}
	return src.grant.Bytes()
}

// get finds the source on disk, asks its origin, or both.
func (src *Source) get() {
	t := src.t
	wait := budget.NewQueueWait(t.cfg.QueueWait)
	src.err = ErrLost
	defer t.running.Done()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.getting--
	}()
	defer src.Release()
	defer func() { // also by a panic
		src.waited = t.cfg.QueueWait - wait.Left()
		t.remember(src)
		if src.err != nil || src.meta.NoStore {
			t.mu.Lock()
			src.forget()
			t.mu.Unlock()
		}
		// From here on others may bring the bytes here, out of a record.
		fetched := src.data != nil && src.err == nil
		close(src.ready)
		if fetched {
			src.keep()
		}
	}()
	src.err = src.find(wait)
	if src.request.HasIgnoredParams && errors.Is(src.err, origin.ErrDenied) {
		src.err = &urlScopedError{src.err}
	}
	if src.err != nil {
		t.count(func(s *Stats) { s.Failed++ })
	}
}

func (src *Source) find(wait *budget.QueueWait) error {
	t, w := src.t, src.request
	stored := t.stored(src.ctx, src.id)
	if stored != nil {
		hard, soft := stored.meta.purges(t.cfg.Clock)
		hard, soft = max(hard, w.MinFetched), max(soft, w.MinValidated)
		if stored.meta.Seq < hard {
			stored.record.Close()
			stored = nil
		} else if stored.meta.Seq >= soft && stored.meta.fresh(t.cfg.TTL, t.cfg.Now()) {
			src.meta, src.record = stored.meta, stored.record
			t.count(func(s *Stats) { s.Stored++ })
			return nil
		}
	}
	return src.ask(wait, stored)
}

// ask asks the origin for a source, or whether what is stored is still right.
func (src *Source) ask(wait *budget.QueueWait, stored *storedSource) error {
	t, w := src.t, src.request
	ctx := src.ctx
	keep := false
	defer func() {
		if stored != nil && !keep {
			stored.record.Close()
		}
	}()
	// Before a turn is waited for: those of such a host may all be taken.
	if err := t.cfg.Origin.Suspended(w.URL); err != nil {
		return err
	}
	done, err := t.turns.take(ctx, wait, t.cfg.Origin.Host(w.URL))
	if err != nil {
		return err
	}
	defer done()
	if src.data, err = memfile.New(); err != nil {
		return err
	}
	hash := sha256.New()
	// An answer is as old as its question (RFC 9111 §4.2.3).
	asked := t.cfg.Now()
	meta, changed, err := t.cfg.Origin.Revalidate(ctx, w.URL, w.Hops, stored.validators(),
		io.MultiWriter(src.data, hash), src.reserve(ctx, wait))
	if err != nil {
		return err
	}
	if !changed {
		src.data.Close()
		src.data, src.record, keep = nil, stored.record, true
		src.meta = stored.meta.renewed(meta, src.seq, asked)
		t.renew(src)
		t.count(func(s *Stats) { s.Revalidated++ })
		return nil
	}
	t.count(func(s *Stats) { s.Fetched++; s.FetchedBytes += uint64(meta.Size) })
	src.meta = newMeta(meta, w, src.seq, asked)
	src.meta.Version = hex.EncodeToString(hash.Sum(nil)[:16])
	if err := src.data.Seal(); err != nil {
		return err
	}
	if src.grant != nil {
		src.grant.Shrink(meta.Size) // a source without a length was given whole steps
	}
	src.info, err = src.sniff()
	return err
}

// reserve admits bytes before they come.
func (src *Source) reserve(ctx context.Context, wait *budget.QueueWait) func(n int64) error {
	cfg := src.t.cfg
	return func(n int64) (err error) {
		total := n
		if src.grant == nil {
			src.grant, err = wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) { return cfg.Bytes.Acquire(ctx, n) })
		} else {
			err, total = src.grant.Grow(n), src.grant.Bytes()+n
		}
		if errors.Is(err, budget.ErrTooLarge) {
			return cfg.TooLarge(total)
		}
		return err
	}
}

// Load brings the bytes here, and says what they are. Several may ask for it at
// once, and one of them does it.
func (src *Source) Load(ctx context.Context, wait *budget.QueueWait) (transform.Info, error) {
	select {
	case src.here <- struct{}{}:
		defer func() { <-src.here }()
	case <-ctx.Done():
		return transform.Info{}, context.Cause(ctx)
	}
	if src.data != nil {
		return src.info, nil
	}
	if err := src.read(ctx, wait); err != nil {
		return transform.Info{}, err
	}
	return src.info, nil
}

// read copies the record into memory that a worker can map, until ctx ends.
func (src *Source) read(ctx context.Context, wait *budget.QueueWait) error {
	data, err := memfile.New()
	if err != nil {
		return err
	}
	if n := src.record.Size(); n > 0 {
		if err = src.reserve(ctx, wait)(n); err == nil {
			_, broken := io.Copy(data, src.record.Reader(ctx))
			switch cause := context.Cause(ctx); {
			case broken == nil:
			case cause != nil: // which says nothing of the record
				err = cause
			default:
				err = ErrLost
			}
		}
	}
	if err == nil {
		err = data.Seal()
	}
	if err == nil {
		src.data = data
		if src.info, err = src.sniff(); err == nil {
			return nil
		}
	}
	src.data = nil
	data.Close()
	if src.grant != nil {
		src.grant.Release()
		src.grant = nil
	}
	return err
}

// sniff looks at the whole source.
func (src *Source) sniff() (transform.Info, error) {
	b, err := src.data.Bytes()
	if err != nil {
		return transform.Info{}, err
	}
	// The worker maps the pages itself; here they would only be counted twice.
	defer src.data.Release()
	info, err := container.Sniff(b)
	if err != nil {
		err = &ImageError{info, err}
	}
	return info, err
}

// Lost is a source whose bytes turned out not to be there: the next one who
// wants it gets it anew.
func (src *Source) Lost() {
	src.t.mu.Lock()
	src.forget()
	src.t.mu.Unlock()
	src.t.cfg.Disk.Drop(diskstore.NameOf(src.id))
}
