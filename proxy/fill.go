package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/facts"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// fill is one fill: what its steps share.
type fill struct {
	cacheRequest
	server    *Server
	queueWait *budget.QueueWait
	commit    func() error
	source    *sources.Source
	// workingSet is the estimate that the transform was admitted with, in bytes.
	workingSet int64
	// makesNothing has the fill find out whether the old entry is still right, and no more: else it ends with
	// errDeferred.
	makesNothing bool
	// settled says that other fills of the source do not wait for this one to come to their batch.
	settled bool
	// resultGrant reserves the bytes of the result; nil where there is none.
	resultGrant *budget.Grant
	// lease is nil where the fill has no part in leases.
	lease *fillLease
}

// fill makes a missing entry: get the source, check whether the old entry is still
// valid, sniff, admit, transform. The bytes of the source are admitted before
// they are read, the working set before a worker gets the job; a fetch never
// holds a working set. ctx ends when the last client has left, until the fill
// commits itself: once a worker has the job most of the work is done, and the
// result is cached even if every client has disconnected.
func (s *Server) fill(
	ctx context.Context, commit func() error, old *cache.Entry, a cacheRequest,
) (*cache.Entry, error) {
	if err := s.quarantine.checkRequest(a); err != nil {
		return nil, err
	}
	s.memory.NoteActivity()
	if a.background {
		ctx = budget.InBackground(ctx)
	}
	wait := budget.NewQueueWait(s.cfg.inForce.Load().QueueWait)
	f := &fill{server: s, queueWait: wait, commit: commit, cacheRequest: a}
	f.queueWait.Observe(a.phases)
	return f.withLease(ctx, old)
}

// fillAgainIfLost is a fill, and another one where a stored source turned out to be lost.
func (f *fill) fillAgainIfLost(ctx context.Context, old *cache.Entry) (*cache.Entry, error) {
	e, err := f.fillOnce(ctx, old)
	if errors.Is(err, sources.ErrLost) {
		e, err = f.fillOnce(ctx, old) // this time from the origin
	}
	return e, err
}

// fillOnce is a fill with the source as it is stored now.
func (f *fill) fillOnce(ctx context.Context, old *cache.Entry) (*cache.Entry, error) {
	s := f.server
	f.phases.enter(phaseFetch)
	src, err := s.sources.Acquire(ctx, f.sourceRequest())
	if err != nil {
		return nil, f.preferLimitError(err)
	}
	f.source = src
	defer f.releaseSource()
	if old != nil && old.Version == src.Meta().Version && old.Pixels == transform.PixelVersion {
		e := old.Renew()
		f.setFreshness(e)
		return e, nil
	}
	if f.makesNothing {
		return nil, errDeferred
	}
	return f.makeEntry(ctx)
}

// makeEntry makes the entry of the source that the fill has: sniff, check limits, admit, transform.
func (f *fill) makeEntry(ctx context.Context) (*cache.Entry, error) {
	s, src := f.server, f.source
	f.req.Params = facts.ImageFor(f.req.Meta, f.req.Params)
	info, err := src.Load(ctx, f.queueWait)
	if err == nil {
		err = s.checkReadable(f.req, info)
	}
	if err == nil {
		info, err = f.choosePage(info)
	}
	if err == nil {
		err = s.limitsOf(f.req).CheckSource(info)
	}
	if err != nil {
		if errors.Is(err, sources.ErrLost) {
			src.Lost()
		}
		return nil, f.preferLimitError(err)
	}
	// The length of a source whose origin announced none is known only now.
	if most := f.req.Limits.SourceBytes; most > 0 && src.Meta().Size > most {
		return nil, fmt.Errorf("%w: the source is larger than the %d bytes that max_src_file_size in the URL allows",
			origin.ErrTooLarge, most)
	}
	if f.req.IsInfo() {
		b, err := f.tellFacts(ctx, info)
		return f.newEntry(b, "application/json"), err
	}
	if f.req.Meta.Form != "" && !f.req.IsPlaceholder() {
		b, err := s.imageMeta(f.req, info)
		return f.newEntry(b, "application/json"), err
	}
	work := f.transform
	if f.req.Params.AsItIs(info) {
		if err := s.checkPassthrough(info); err != nil {
			return nil, err
		}
		work = f.copySource
	}
	f.phases.enter(phaseTransform)
	began, waited := time.Now(), f.queueWait.Left()
	picture, err := work(ctx, info)
	f.phases.enter(phaseLookup)
	if err != nil {
		return nil, err
	}
	f.phases.noteSearched(picture.Searched, f.req.Params.AutoQuality.Method)
	effort := time.Since(began) - (waited - f.queueWait.Left())
	f.logFilled(info, picture)
	e := f.newEntry(picture.Body, picture.Format.MIME())
	if f.req.IsPlaceholder() {
		if e, err = f.newPlaceholder(picture.Body); err != nil {
			return nil, err
		}
	}
	e.Effort, e.Placeholder = effort, picture.Placeholder
	s.memory.Responses.AddFilled(e, f.resultGrant)
	return e, nil
}

// logFilled tells of a result that a worker has made, or that is its source.
func (f *fill) logFilled(info transform.Info, picture transform.Picture) {
	f.server.log.Debug("filled", "source", f.server.loggedSource(f.req, f.concealed), "from", info.Format,
		"source_bytes", f.source.Meta().Size, "to", picture.Format, "width", picture.Width, "height", picture.Height,
		"bytes", len(picture.Body), "reserved", f.workingSet, "quality", picture.Searched.Quality,
		"encodes", picture.Searched.Encodes, "score", picture.Searched.Score)
}

// tellFacts tells facts. A worker makes a small image for those about pixels, and none for the others.
func (f *fill) tellFacts(ctx context.Context, info transform.Info) ([]byte, error) {
	asked := f.req.Meta.Facts
	var pixels *facts.Pixels
	if asked.NeedPixels() {
		var err error
		if pixels, err = f.smallPixels(ctx, info); err != nil {
			return nil, err
		}
	}
	f.settle()
	if asked.Asked&signedurl.MetadataFacts != 0 {
		grant, err := f.queueWait.In(ctx, func(ctx context.Context) (*budget.Grant, error) {
			return f.server.memory.Budgets.Transforms.Acquire(ctx, facts.MetadataBytes)
		})
		if err != nil {
			return nil, err
		}
		defer grant.Release()
	}
	return tellFacts(ctx, f.source, info, pixels, asked)
}

// smallPixels has a worker make the small image that facts about pixels are told of.
func (f *fill) smallPixels(ctx context.Context, info transform.Info) (*facts.Pixels, error) {
	f.phases.enter(phaseTransform)
	picture, err := f.transform(ctx, info)
	f.phases.enter(phaseLookup)
	if err != nil {
		return nil, err
	}
	defer f.resultGrant.Release()
	return facts.ReadPixels(picture.Body)
}

// newPlaceholder is the entry of the placeholder that an image becomes.
func (f *fill) newPlaceholder(picture []byte) (*cache.Entry, error) {
	text, err := facts.Placeholder(f.req.Meta.Form, picture)
	f.resultGrant.Release()
	f.resultGrant = f.server.memory.Budgets.Transforms.Charge(int64(len(text)))
	if err != nil {
		f.resultGrant.Release()
		return nil, err
	}
	return f.newEntry([]byte(text), placeholderType), nil
}

// settle tells other fills of the source that they need not wait for this one.
func (f *fill) settle() {
	if !f.settled {
		f.settled = true
		f.server.batches.settle(f.source)
	}
}

// releaseSource ends the use of the source.
func (f *fill) releaseSource() {
	f.source.Release()
	f.server.batches.forget(f.source, f.settled)
	f.settled = false
}

// sourceRequest is the source of the fill, not older than the purges of its result allow.
func (f *fill) sourceRequest() sources.Request {
	w := sources.Request{
		URL: f.req.Source, Identity: f.identity, CacheBuster: f.req.CacheBuster,
		HasIgnoredParams: f.hasIgnoredParams, Hops: f.hops, Passed: f.passed,
		Trace: f.trace, TraceBucket: f.trace, Queue: f.queueWait,
		Background: f.background, AskBucket: f.askBucket, Needs: neededPart(f.req),
	}
	w.MinFetched, w.MinValidated = f.server.cfg.Clock.Last(f.purgeScope())
	return w
}

// askBucket is told that the source is looked for in the bucket, and gives what is told when that is over.
func (f *fill) askBucket() (asked func()) {
	f.phases.enter(phaseBucket)
	return func() { f.phases.enter(phaseFetch) }
}

// preferLimitError gives, for a source that is both truncated and over a limit, the error
// of the limit: the missing bytes would not change that one.
func (f *fill) preferLimitError(err error) error {
	var bad *sources.ImageError
	if errors.As(err, &bad) && errors.Is(err, transform.ErrTruncated) {
		if over := f.server.limitsOf(f.req).CheckSource(bad.Info); over != nil {
			return over
		}
	}
	return err
}

// newEntry is the entry of a result.
func (f *fill) newEntry(content []byte, contentType string) *cache.Entry {
	e := &cache.Entry{
		Key:         f.key,
		Body:        content,
		ContentType: contentType,
		ETag:        cache.ETag(content),
		Source:      f.identity,
		Version:     f.source.Meta().Version,
		Pixels:      transform.PixelVersion,
	}
	f.setFreshness(e)
	return e
}

// setFreshness sets the lifetimes of an entry, which begin when its source was last
// fetched or revalidated.
func (f *fill) setFreshness(e *cache.Entry) {
	m, t := f.source.Meta(), f.server.cfg.inForce.Load().TTL
	req := f.req
	e.LastModified, e.NoStore = m.LastModified, m.NoStore
	e.Seq = m.Seq
	e.Tags = append(m.TagList(), req.TagList()...)
	e.Expires, e.Refresh = m.Expires(t), m.RefreshAt(t)
	e.Immutable = false
	e.StaleWhile, e.StaleError = t.StaleWindows(m.Freshness)
	e.Keep = t.StaleError
	now := f.server.now()
	e.Stored = now
	switch {
	case req.HasMaxAge:
		e.Expires, e.Refresh = now.Add(time.Duration(req.MaxAge)*time.Second), time.Time{}
	case req.CacheBuster != "" && !m.NoStore:
		e.Expires, e.Refresh = now.Add(immutableTTL), time.Time{}
		e.Immutable = true
	}
	least := now.Add(time.Duration(req.Terms.MinAge) * time.Second)
	if req.Terms.MinAge > 0 && e.Expires.Before(least) {
		e.Expires, e.Refresh = least, time.Time{}
	}
}
