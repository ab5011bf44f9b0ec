package sources

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
	"golang.org/x/net/http/httpguts"
)

// readShared reads a source from the bucket, if accept lets it.
func (c *Config) readShared(
	ctx context.Context, of cache.SharedSource, trace cache.BucketTrace, accept func(Meta) error,
) (*sharedSink, error) {
	sink, err := c.Bucket.Read(ctx, of, trace,
		func(ctx context.Context, header []byte, size int64) (cache.SourceSink, error) {
			m, err := c.decodeShared(header, of)
			if err == nil && m.Size != size {
				err = cache.ErrForeign
			}
			if err == nil {
				err = accept(m)
			}
			if err != nil {
				return nil, err
			}
			return c.newSharedSink(ctx, m)
		})
	if err != nil {
		return nil, err
	}
	return sink.(*sharedSink), nil
}

// decodeShared reads what another server has written of a source. The result has a sequence of this server's clock, and
// allows no more than what this server would have its origin allow.
func (c *Config) decodeShared(header []byte, of cache.SharedSource) (m Meta, err error) {
	if json.Unmarshal(header, &m) != nil || m.ID != of.ID || m.Identity != of.Identity || !m.isSane() ||
		m.Size > c.inForce.Load().Origin.MaxBytes() {
		return Meta{}, cache.ErrForeign
	}
	if m.Seq, err = c.Clock.SequenceOf(purge.Stamp{Order: m.Log, Seq: m.Seq, Mark: m.Mark}); err != nil {
		return Meta{}, errors.Join(cache.ErrUnvouched, err)
	}
	m.Log, m.Mark = "", 0
	m.SharedIn = c.Bucket.ID()
	t := c.inForce.Load().TTL
	window := max(t.Max, t.StaleWhile, t.StaleError)
	m.boundWindows(&m.Freshness, window)
	for _, d := range []*origin.CacheDirectives{m.Final, m.Redirects} {
		if d != nil {
			m.boundWindows(&d.Freshness, window)
		}
	}
	return m, nil
}

// isSane says whether a server may have written it: what goes into requests to an origin can be sent.
func (m Meta) isSane() bool {
	return len(m.Version) == 32 && m.Spread > 0 && m.Spread <= 1 && m.Size >= 0 && !m.NoStore &&
		httpguts.ValidHeaderFieldValue(m.ETag)
}

// boundWindows bounds for how long a stale result may be served.
func (Meta) boundWindows(f *origin.Freshness, most time.Duration) {
	f.StaleWhile.For = min(max(f.StaleWhile.For, 0), most)
	f.StaleError.For = min(max(f.StaleError.For, 0), most)
}

// isConfirmable says whether the origin may confirm the source without sending it.
func (m Meta) isConfirmable() bool { return m.ETag != "" || !m.LastModified.IsZero() }

// sharedSink has the bytes of a source of the bucket in admitted memory.
type sharedSink struct {
	meta  Meta
	grant *budget.Grant
	data  *memfile.Source
	sum   hash.Hash
	info  transform.Info
}

// newSharedSink reserves memory for a source. Where there is none the source is fetched, and nothing is shed.
func (c *Config) newSharedSink(ctx context.Context, m Meta) (*sharedSink, error) {
	grant, err := c.Bytes.Acquire(budget.Optional(ctx), m.Size)
	if err != nil {
		return nil, cache.ErrNoMemory
	}
	s := &sharedSink{meta: m, grant: grant, sum: sha256.New()}
	if s.data, err = memfile.New(); err != nil {
		s.grant.Release()
		return nil, cache.ErrNoMemory
	}
	return s, nil
}

// Write implements cache.SourceSink.
func (s *sharedSink) Write(p []byte) (int, error) {
	_, _ = s.sum.Write(p) // never fails
	return s.data.Write(p)
}

// errOtherBytes: the bytes are not those that the record tells of.
var errOtherBytes = errors.New("other bytes than the record tells of")

// Check implements cache.SourceSink. No server writes a source that is not an image.
func (s *sharedSink) Check() (err error) {
	if versionOf(s.sum) != s.meta.Version {
		return errOtherBytes
	}
	if err := s.data.Seal(); err != nil {
		return err
	}
	s.info, err = sniff(s.data)
	return err
}

// Discard implements cache.SourceSink. The memory is freed before the grant.
func (s *sharedSink) Discard() {
	s.data.Close()
	s.grant.Release()
}
