package sources

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Source is a source in use: by fills that wait for it or work on it, and while it is
// fetched or written to disk.
type Source struct {
	store  *Store
	flight *sourceFlight
	// request is the leader's, and id the name that the source is stored under.
	request Request
	id      string
	// meta, and the bytes in memory or in a record, are set when the flight is done.
	meta Meta
	// waited is how long the flight waited for budgets, and took how long the fetch was, if there was one.
	waited, took time.Duration

	// offered says that the bucket may be offered the source, and wanted that a second fill had it.
	offered, wanted atomic.Bool

	// loadMu has one slot: it is a mutex, for the fields after it, that honours a
	// context.
	loadMu chan struct{}
	record *diskstore.Record
	data   *memfile.Source
	// grant is what is reserved for data; nil for none.
	grant *budget.Grant
	info  transform.Info
}

// ErrLost is of a stored source whose bytes are not there any more.
var ErrLost = errors.New("a stored source is gone")

// urlScopedError is the error of one of several URLs of a source, such as that its
// signature has expired.
type urlScopedError struct{ err error }

func (e *urlScopedError) Error() string { return e.err.Error() }

// Unwrap gives the error of the origin.
func (e *urlScopedError) Unwrap() error { return e.err }

// IsURLScoped says whether an error is of one URL of a source, and not of the source.
func IsURLScoped(err error) bool {
	scoped := (*urlScopedError)(nil)
	return errors.As(err, &scoped)
}

// survivesPurges says whether a resolved source is valid for a request that did not start
// its flight: no purge since then names it.
func (src *Source) survivesPurges(w Request) bool {
	if src.flight.Err != nil || src.meta.NoStore {
		return false
	}
	hard, soft := src.meta.newestPurges(src.store.cfg.Clock)
	return src.meta.Seq >= max(hard, soft, w.MinFetched, w.MinValidated)
}

// fresh says whether a resolved source is valid for a request, and its origin need not be
// asked again.
func (src *Source) fresh(w Request) bool {
	return src.survivesPurges(w) && src.store.cfg.isFresh(src.meta)
}

// Release ends the use of the source by one fill. With the last one, memory is given back.
func (src *Source) Release() { src.flight.Leave() }

// Hold is for work that may outlast the fill which has the source. It ends by a Release of its own.
func (src *Source) Hold() { src.flight.Hold() }

// Users is how many fills have the source or are about to get it, and how often it is held besides.
func (src *Source) Users() int { return src.flight.Callers() }

// close frees the memory before the grant: the other way round, another source could be
// admitted while the pages of this one are still there.
func (src *Source) close() {
	if src.record != nil {
		_ = src.record.Close() // it was only read
	}
	if src.data != nil {
		src.data.Close()
	}
	src.releaseGrant()
}

// releaseGrant gives back what is reserved.
func (src *Source) releaseGrant() {
	if src.grant != nil {
		src.grant.Release()
		src.grant = nil
	}
}

// Meta is what is known of the source.
func (src *Source) Meta() Meta { return src.meta }

// Data has the bytes of the source, once Load has returned: those that Request.Needs, or all.
func (src *Source) Data() transform.Source { return src.data }

// isHeader says whether the header, and perhaps the beginning of the file, is all that is there of the source.
func (src *Source) isHeader() bool {
	return src.record == nil && src.info.Format != transform.FormatUnknown &&
		(src.data == nil || src.data.Size() < src.meta.Size)
}

// Reserved is what is reserved for the bytes in memory.
func (src *Source) Reserved() int64 {
	if src.grant == nil {
		return 0
	}
	return src.grant.Bytes()
}

// reserveBytes admits bytes before they are read.
func (src *Source) reserveBytes(ctx context.Context, wait *budget.QueueWait) func(n int64) error {
	cfg := src.store.cfg
	return func(n int64) (err error) {
		total := n
		if src.grant == nil {
			src.grant, err = wait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
				return cfg.Bytes.Acquire(ctx, n)
			})
		} else {
			err, total = src.grant.Grow(n), src.grant.Bytes()+n
		}
		if errors.Is(err, budget.ErrTooLarge) {
			return cfg.TooLarge(total)
		}
		return err
	}
}

// reserveParts is reserveBytes of a source of which a part may be enough. Where that was admitted, and was not
// enough, the whole waits for its turn like another source: the part is given back before, as it would be held by all
// that wait.
func (src *Source) reserveParts(ctx context.Context, wait *budget.QueueWait) func(n int64) error {
	reserve := src.reserveBytes(ctx, wait)
	return func(n int64) error {
		if held := src.Reserved(); src.request.Needs != Whole && 0 < held && held <= headerPart {
			n += held
			src.releaseGrant()
		}
		return reserve(n)
	}
}

// Load brings the bytes of the source into memory, and says what they are. Of several
// callers at the same time one does it.
func (src *Source) Load(ctx context.Context, wait *budget.QueueWait) (transform.Info, error) {
	select {
	case src.loadMu <- struct{}{}:
		defer func() { <-src.loadMu }()
	case <-ctx.Done():
		return transform.Info{}, context.Cause(ctx)
	}
	if src.data != nil || src.isHeader() {
		return src.info, nil
	}
	if err := src.readRecord(ctx, wait); err != nil {
		return transform.Info{}, err
	}
	return src.info, nil
}

// readRecord copies the record into memory that a worker can map, until ctx ends.
func (src *Source) readRecord(ctx context.Context, wait *budget.QueueWait) error {
	data, err := memfile.New()
	if err != nil {
		return err
	}
	if n := src.record.Size(); n > 0 {
		if err = src.reserveBytes(ctx, wait)(n); err == nil {
			broken := src.record.CopyTo(ctx, data)
			switch cause := context.Cause(ctx); {
			case broken == nil:
			case cause != nil: // the record may be whole
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
		if src.info, err = sniff(src.data); err == nil {
			return nil
		}
	}
	src.data = nil
	data.Close()
	src.releaseGrant()
	return err
}

// Lost drops a source whose bytes turned out not to be there: the next fill fetches it.
func (src *Source) Lost() {
	src.flight.Forget()
	src.store.cfg.Disk.Drop(diskstore.NameOf(src.id))
}
