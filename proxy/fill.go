package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// fill makes a missing entry: fetch, sniff, admit, transform. The bytes of the
// source are admitted before they are read, the working set before a worker
// gets the job; a download never holds working set. ctx ends when the last
// client has left, until the fill commits itself: once a worker has the job
// the work is mostly done, and its result is kept for whoever comes back.
func (s *Server) fill(ctx context.Context, commit func() error, key cache.Key, req signedurl.Request) (*cache.Entry, error) {
	if err := s.poison.check(req.Source); err != nil {
		return nil, err
	}
	s.activity.Add(1)
	f := &fill{s: s, wait: &patience{left: s.cfg.QueueWait}, commit: commit, req: req}
	body, err := s.fetch(ctx, f.wait, req)
	if err != nil {
		return nil, err
	}
	defer body.close()
	f.body = body
	info, err := s.sniff(body.source, s.limits(req))
	if err != nil {
		return nil, err
	}
	if req.Meta != "" {
		b, err := facts(req, info)
		return s.entry(key, req, body.meta, b, "application/json"), err
	}
	work := f.picture
	if req.Params.AsItIs(info) {
		work = f.original
	}
	picture, err := work(ctx, info)
	if err != nil {
		return nil, err
	}
	s.log.Debug("filled", "source", req.Source, "from", info.Format, "source bytes", body.meta.Size,
		"to", picture.Format, "width", picture.Width, "height", picture.Height, "bytes", len(picture.Body), "reserved", f.need)
	return s.entry(key, req, body.meta, picture.Body, picture.Format.MIME()), nil
}

// body is a fetched source with the bytes reserved for it.
type body struct {
	source *transform.Source
	meta   origin.Meta
	grant  *budget.Grant
}

// held is what is reserved for the source; a local one that is empty has none.
func (b *body) held() int64 {
	if b.grant == nil {
		return 0
	}
	return b.grant.Bytes()
}

// close gives memory back before the reservation for it: the other way round,
// a newcomer could be admitted onto pages that are still there.
func (b *body) close() {
	b.source.Close()
	if b.grant != nil {
		b.grant.Release()
	}
}

func (s *Server) fetch(ctx context.Context, wait *patience, req signedurl.Request) (*body, error) {
	url := req.Source
	done, err := s.turns.take(ctx, wait, s.cfg.Origin.Host(url))
	if err != nil {
		return nil, err
	}
	defer done()
	source, err := transform.NewSource()
	if err != nil {
		return nil, err
	}
	b := &body{source: source}
	whole := false
	defer func() {
		if !whole { // also by a panic
			b.close()
		}
	}()
	reserve := func(n int64) error {
		if b.grant == nil {
			b.grant, err = wait.in(ctx, func(ctx context.Context) (*budget.Grant, error) { return s.accounts.bodies.Acquire(ctx, n) })
			return s.bodyTooLarge(err, n)
		}
		return s.bodyTooLarge(b.grant.Grow(n), b.grant.Bytes()+n)
	}
	if b.meta, err = s.cfg.Origin.Fetch(ctx, url, source, reserve); err == nil {
		err = source.Seal()
	}
	if err != nil {
		return nil, err
	}
	// A source without a length is reserved in whole steps, so that only now
	// it is known.
	if most := req.Limits.SourceBytes; most > 0 && b.meta.Size > most {
		return nil, fmt.Errorf("%w: it has more than the %d bytes that max_src_file_size allows", origin.ErrTooLarge, most)
	}
	whole = true
	if b.grant != nil {
		b.grant.Shrink(b.meta.Size) // a source without a length was given whole steps
	}
	return b, nil
}

// bodyTooLarge says what can be done about a source that can never fit.
func (s *Server) bodyTooLarge(err error, n int64) error {
	if errors.Is(err, budget.ErrTooLarge) {
		return fmt.Errorf("%w: the source has %s, and the server's memory limit leaves %s for sources; send a smaller file, or raise memory-limit to %s",
			budget.ErrTooLarge, mebibytes(n), mebibytes(s.accounts.bodies.Stats().Capacity), mebibytes(s.cfg.LimitForSource(n)))
	}
	return err
}

// sniff looks at the whole source and refuses it by what it is. A picture that
// is both cut and over a limit is told to be over the limit: that will not
// change by sending the rest.
func (s *Server) sniff(source *transform.Source, limits transform.Limits) (transform.Info, error) {
	b, err := source.Bytes()
	if err != nil {
		return transform.Info{}, err
	}
	// The worker maps the pages itself; here they would only be counted twice.
	defer source.Release()
	info, err := transform.Sniff(b)
	if err == nil || errors.Is(err, transform.ErrTruncated) {
		if over := limits.CheckSource(info); over != nil {
			return info, over
		}
	}
	return info, err
}

// blamed has a worker do something, and remembers a source that it dies of.
func (s *Server) blamed(source string, work func() error) error {
	start := time.Now()
	err := work()
	s.poison.blame(source, err, time.Since(start) > s.cfg.RequestTimeout/2)
	return err
}

func (s *Server) entry(key cache.Key, req signedurl.Request, meta origin.Meta, content []byte, contentType string) *cache.Entry {
	now := s.now()
	ttl, immutable := s.cfg.TTL.of(meta.Freshness), false
	if req.CacheBuster != "" && !meta.NoStore {
		ttl, immutable = immutableTTL, true
	}
	if req.HasMaxAge {
		ttl, immutable = time.Duration(req.MaxAge)*time.Second, false
	}
	return &cache.Entry{
		Key:          key,
		Body:         content,
		ContentType:  contentType,
		ETag:         cache.ETag(content),
		LastModified: meta.LastModified,
		Stored:       now,
		Expires:      now.Add(ttl),
		NoStore:      meta.NoStore,
		Immutable:    immutable,
	}
}

// mebibytes rounds up, for people.
func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
