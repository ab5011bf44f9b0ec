package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

// Objects are the objects of a bucket, by names of letters, digits and slashes. An object is written as a whole or
// not at all. Each call ends with its context, or a while after.
type Objects interface {
	// Open begins to read an object, and gives its length. Where there is none the error is ErrNone.
	Open(ctx context.Context, name string) (io.ReadCloser, int64, error)
	// Write writes an object. Where create is set and there is one, the error is ErrExists.
	Write(ctx context.Context, name string, content *io.SectionReader, create bool) error
	// Remove removes an object, if it is there.
	Remove(ctx context.Context, name string) error
}

var (
	// ErrNone: there is no such object.
	ErrNone = errors.New("no such object")
	// ErrExists: there is one already.
	ErrExists = errors.New("the object exists")
	// ErrOpen: the bucket has failed lately, and is not asked.
	ErrOpen = errors.New("the bucket has failed lately")
	// ErrBusy: as many reads as there may be are under way.
	ErrBusy = errors.New("too many reads of the bucket are under way")
	// ErrLate: the bucket took longer than its patience.
	ErrLate = errors.New("the bucket is slow")
)

// Config configures a Store.
type Config struct {
	Objects Objects
	// URL is what the URLs of all objects begin with, for traces.
	URL string
	// Trace is told of calls that are for no request; nil for none.
	Trace Trace
	// Patience bounds a Get; required.
	Patience time.Duration
	// WriteTimeout bounds a Put and a Remove, which nobody waits for; 0 means 10 s.
	WriteTimeout time.Duration
	// Pause is for how long the bucket is left alone after failures; 0 means 5 s.
	Pause time.Duration
	// Log is for the beginnings and ends of pauses; nil discards them.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// AdmitReads has admit asked for each read from now on; it does not wait. release is called when the read has ended.
func (s *Store) AdmitReads(admit func() (release func(), ok bool)) { s.admit.Store(&admit) }

// beginRead admits a read. The caller calls end when it has ended.
func (s *Store) beginRead() (end func(), ok bool) {
	release := func() {}
	ok = s.reading.Add(1) <= maxReads
	if admit := s.admit.Load(); ok && admit != nil {
		release, ok = (*admit)()
	}
	if !ok {
		s.reading.Add(-1)
		return nil, false
	}
	return func() {
		release()
		s.reading.Add(-1)
	}, true
}

// maxReads bounds the reads under way, with those that were given up and have not ended.
const maxReads = 64

// Store is safe for concurrent use.
type Store struct {
	cfg           Config
	reads, writes breaker
	// admit, if there is one, is asked for each read, beside maxReads.
	admit   atomic.Pointer[func() (release func(), ok bool)]
	reading atomic.Int64
}

// New makes a Store. It uses no network.
func New(cfg Config) *Store {
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 5 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{cfg: cfg}
	s.reads.now, s.reads.pause = cfg.Now, cfg.Pause
	s.writes.now, s.writes.pause = cfg.Now, cfg.Pause
	return s
}

// Read reads an object of so many bytes, until ctx ends. release gives back the memory that it reserved for the body;
// it is nil with an error, and called once the bytes are not in use any more, but where Get has given them to its
// caller, who calls it then. A Read may run on for a while after Get has returned.
type Read func(ctx context.Context, from io.Reader, size int64) (body []byte, release func(), err error)

// Declined is the error of a Read that the bucket is not to blame for.
type Declined struct{ Err error }

func (d *Declined) Error() string { return d.Err.Error() }

// Unwrap is the error.
func (d *Declined) Unwrap() error { return d.Err }

// Get gives what read makes of an object. Errors are read's own, ErrNone, ErrOpen, ErrBusy, ErrLate, ctx's cause, and
// those of the bucket. trace is that of the request that it is for; nil for one for no request.
func (s *Store) Get(ctx context.Context, name string, trace Trace, read Read) ([]byte, error) {
	call, trial := s.reads.allow()
	if trial {
		s.goTry(name)
	}
	if !call {
		return nil, ErrOpen
	}
	return s.watch(ctx, name, trace, read, false)
}

// goTry has an open breaker find out about the bucket. No caller waits for that.
func (s *Store) goTry(name string) {
	look := func(_ context.Context, from io.Reader, _ int64) ([]byte, func(), error) {
		_, err := io.CopyN(io.Discard, from, tryBytes)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return nil, func() {}, err
	}
	go func() { _, _ = s.watch(context.Background(), name, nil, look, true) }()
}

// tryBytes is how much of an object is read to find out about the bucket.
const tryBytes = 4 << 10

// watch reads an object and waits for that no longer than patience allows, whatever the bucket does.
func (s *Store) watch(parent context.Context, name string, trace Trace, read Read, trial bool) ([]byte, error) {
	end, ok := s.beginRead()
	if !ok {
		s.reads.record(unknown, trial)
		return nil, ErrBusy
	}
	ctx, cancel := context.WithTimeoutCause(parent, s.cfg.Patience, ErrLate)
	defer cancel()
	traced := s.begin(trace, "GET", name)
	ended := make(chan outcome, 1)
	go func() {
		defer end()
		ended <- s.read(ctx, name, read)
	}()
	var o outcome
	select {
	case o = <-ended:
	case <-ctx.Done():
		o.err = context.Cause(ctx)
		go func() { (<-ended).release() }()
	}
	if o.err != nil && ctx.Err() != nil {
		o.err = context.Cause(ctx) // whatever the SDK makes of it
	}
	v := verdictOf(parent, o.err)
	traced(o.err, v)
	s.record(&s.reads, v, trial, o.err)
	return o.body, o.err
}

// record counts how a call went.
func (s *Store) record(b *breaker, v verdict, trial bool, err error) {
	calls := "reads"
	if b == &s.writes {
		calls = "writes"
	}
	switch changed := b.record(v, trial); {
	case changed && v == bad:
		s.cfg.Log.Warn("cache bucket does not work: it is left alone for a while", "of", calls, "err", err)
	case changed:
		s.cfg.Log.Info("cache bucket works again", "of", calls)
	}
}

// verdictOf says what an error of a read tells of the bucket.
func verdictOf(parent context.Context, err error) verdict {
	var declined *Declined
	switch {
	case err == nil, errors.Is(err, ErrNone), errors.As(err, &declined):
		return good
	case parent.Err() != nil:
		return unknown
	}
	return bad
}

// outcome is how a read ended. release gives back the memory that was reserved for it.
type outcome struct {
	body    []byte
	release func()
	err     error
}

func (s *Store) read(ctx context.Context, name string, read Read) (o outcome) {
	from, size, err := s.cfg.Objects.Open(ctx, name)
	if err != nil {
		return outcome{release: func() {}, err: err}
	}
	defer from.Close()
	if o.body, o.release, o.err = read(ctx, from, size); o.err != nil {
		o.release = func() {}
	}
	return o
}

// Put writes an object, where create is set only if there is none. Errors are ErrExists, ErrOpen, ErrLate and those
// of the bucket.
func (s *Store) Put(ctx context.Context, name string, content *io.SectionReader, create bool) error {
	return s.change(ctx, "PUT", name, func(ctx context.Context) error {
		return s.cfg.Objects.Write(ctx, name, content, create)
	})
}

// Remove removes an object.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.change(ctx, "DELETE", name, func(ctx context.Context) error { return s.cfg.Objects.Remove(ctx, name) })
}

// change makes a call that writes, unless such calls have failed lately.
func (s *Store) change(parent context.Context, method, name string, call func(context.Context) error) error {
	may, trial := s.writes.allow()
	if !may && !trial {
		return ErrOpen
	}
	ctx, cancel := context.WithTimeoutCause(parent, s.cfg.WriteTimeout, ErrLate)
	defer cancel()
	traced := s.begin(nil, method, name)
	err, v := call(ctx), bad
	switch {
	case err == nil, errors.Is(err, ErrExists):
		v = good
	case parent.Err() != nil:
		v = unknown
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", ErrLate, err)
	}
	traced(err, v)
	s.record(&s.writes, v, trial, err)
	return err
}

// Stats are figures of a Store.
type Stats struct {
	// ReadsPaused and WritesPaused say that the bucket has failed lately, and is not asked. Opened is how often that
	// began.
	ReadsPaused, WritesPaused bool
	Opened                    uint64
}

// Stats does not ask the bucket.
func (s *Store) Stats() (st Stats) {
	var reads, writes uint64
	st.ReadsPaused, reads = s.reads.state()
	st.WritesPaused, writes = s.writes.state()
	st.Opened = reads + writes
	return st
}
