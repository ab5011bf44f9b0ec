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
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// fill is what the steps of one fill share.
type fill struct {
	asked
	s      *Server
	wait   *budget.QueueWait
	commit func() error
	src    *sources.Source
	// need is what the transform was admitted with, in bytes.
	need int64
	// result counts the bytes that were made; nil where none were.
	result *budget.Grant
}

// fill makes a missing entry: get the source, see whether the old entry is still
// right, sniff, admit, transform. The bytes of the source are admitted before
// they are read, the working set before a worker gets the job; a download never
// holds working set. ctx ends when the last client has left, until the fill
// commits itself: once a worker has the job the work is mostly done, and its
// result is kept for whoever comes back.
func (s *Server) fill(ctx context.Context, commit func() error, old *cache.Entry, a asked) (*cache.Entry, error) {
	if err := s.poison.check(a); err != nil {
		return nil, err
	}
	s.memory.NoteActivity()
	f := &fill{s: s, wait: budget.NewQueueWait(s.cfg.QueueWait), commit: commit, asked: a}
	e, err := f.try(ctx, old)
	if errors.Is(err, sources.ErrLost) {
		e, err = f.try(ctx, old) // from the origin, now
	}
	return e, err
}

// try is a fill with the source that there is now.
func (f *fill) try(ctx context.Context, old *cache.Entry) (*cache.Entry, error) {
	s := f.s
	src, err := s.sources.Acquire(ctx, f.sourceRequest())
	if err != nil {
		return nil, f.overLimit(err)
	}
	defer src.Release()
	f.src = src
	if old != nil && old.Version == src.Meta().Version && old.Pixels == transform.PixelVersion {
		e := old.Renew()
		f.date(e)
		return e, nil
	}
	info, err := src.Load(ctx, f.wait)
	if err == nil {
		err = s.limits(f.req).CheckSource(info)
	}
	if err != nil {
		if errors.Is(err, sources.ErrLost) {
			src.Lost()
		}
		return nil, f.overLimit(err)
	}
	// A source that comes without a length is reserved in whole steps, so that
	// only now it is known.
	if most := f.req.Limits.SourceBytes; most > 0 && src.Meta().Size > most {
		return nil, fmt.Errorf("%w: the source is larger than the %d bytes that max_src_file_size in the URL allows", origin.ErrTooLarge, most)
	}
	if f.req.Meta != "" {
		b, err := facts(f.req, info)
		return f.entry(b, "application/json"), err
	}
	work := f.picture
	if f.req.Params.AsItIs(info) {
		work = f.original
	}
	picture, err := work(ctx, info)
	if err != nil {
		return nil, err
	}
	s.log.Debug("filled", "source", f.req.Source, "from", info.Format, "source_bytes", src.Meta().Size,
		"to", picture.Format, "width", picture.Width, "height", picture.Height, "bytes", len(picture.Body), "reserved", f.need)
	e := f.entry(picture.Body, picture.Format.MIME())
	s.memory.Responses.AddFilled(e, f.result)
	return e, nil
}

// sourceRequest is the source that the fill wants, as good as the purges of its
// result want.
func (f *fill) sourceRequest() sources.Request {
	w := sources.Request{
		URL: f.req.Source, Identity: f.identity, CacheBuster: f.req.CacheBuster, HasIgnoredParams: f.own, Hops: f.hops,
		Queue: f.wait,
	}
	w.MinFetched, w.MinValidated = f.s.cfg.Clock.Last(f.scope())
	return w
}

// limits are the server's, but for those that a URL was let set. A source that
// is given as it is needs none: nothing of it is decoded.
func (s *Server) limits(req signedurl.Request) transform.Limits {
	if req.Params.Raw {
		return transform.Limits{}
	}
	l := s.cfg.Limits
	if n := req.Limits.SourcePixels; n > 0 {
		l.MaxPixels = n
	}
	l.MaxFramePixels = req.Limits.FramePixels
	return l
}

// overLimit is the error of a picture, which for one that is both cut and over
// a limit is the limit: that will not change by sending the rest.
func (f *fill) overLimit(err error) error {
	var bad *sources.ImageError
	if errors.As(err, &bad) && errors.Is(err, transform.ErrTruncated) {
		if over := f.s.limits(f.req).CheckSource(bad.Info); over != nil {
			return over
		}
	}
	return err
}

// entry is a result.
func (f *fill) entry(content []byte, contentType string) *cache.Entry {
	e := &cache.Entry{
		Key:         f.key,
		Body:        content,
		ContentType: contentType,
		ETag:        cache.ETag(content),
		Source:      f.identity,
		Version:     f.src.Meta().Version,
		Pixels:      transform.PixelVersion,
	}
	f.date(e)
	return e
}

// date says of an entry what follows from when its source was last known to be
// right.
func (f *fill) date(e *cache.Entry) {
	m, t, req := f.src.Meta(), f.s.cfg.TTL, f.req
	e.LastModified, e.NoStore, e.Seq = m.LastModified, m.NoStore, m.Seq
	e.Tags = append(m.TagList(), req.TagList()...)
	e.Expires, e.Refresh, e.Immutable = m.Expires(t), m.RefreshAt(t), false
	e.StaleWhile, e.StaleError = t.StaleWindows(m.Freshness)
	e.Keep = t.StaleError
	now := f.s.now()
	e.Stored = now
	switch {
	case req.HasMaxAge:
		e.Expires, e.Refresh = now.Add(time.Duration(req.MaxAge)*time.Second), time.Time{}
	case req.CacheBuster != "" && !m.NoStore:
		e.Expires, e.Refresh, e.Immutable = now.Add(immutableTTL), time.Time{}, true
	}
}

// immutableTTL is how long an answer holds whose URL names its version: a
// year, the most that caches are asked to believe (RFC 8246 §2).
const immutableTTL = 365 * 24 * time.Hour
