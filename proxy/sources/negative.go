package sources

import (
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/negative"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/transform"
)

// maxNegatives bounds the negative entries, at some 400 bytes each, however long their
// URLs are.
const maxNegatives = 4096

// negativeEntry is what is remembered of a source that no record has.
type negativeEntry struct {
	// err is the error of the last fetch; nil for none.
	err error
	// info is of a source that is there, and whose image cannot be processed.
	info transform.Info
	// exclusive: the source must not be stored, so each fill fetches its own.
	exclusive bool
	// transient: the error tells of the origin, and not of the source.
	transient bool
}

// exclusiveFor is for how long a source that must not be stored is assumed to stay so
// (Varnish's hit-for-miss).
const exclusiveFor = 30 * time.Second

// findNegative finds the negative entry of a source, or of the URL of the request where
// that is one of several.
func (t *Store) findNegative(w Request) negativeEntry {
	n := t.negativeEntry(w.ID(), w)
	if n.err == nil && w.HasIgnoredParams {
		n.err = t.negativeEntry(w.variantOf(w.URL), w).err
	}
	return n
}

// negativeEntry finds the negative entry of a name. Any purge ends one of a source, whose
// tags are not known; one that tells of the origin ends only with a purge that names the
// source.
func (t *Store) negativeEntry(name string, w Request) negativeEntry {
	n, _ := t.negatives.Get(name, func(o negative.Outcome[negativeEntry]) bool {
		last := t.cfg.Clock.Applied()
		if o.Value.transient {
			hard, soft := t.cfg.Clock.Last(purge.Scope{Source: w.Identity, Hosts: cache.Hosts(w.Identity)})
			last = max(hard, soft, w.MinFetched, w.MinValidated)
		}
		return o.Seq >= last
	})
	return n
}

// asError is the error of a negative entry.
func (n negativeEntry) asError() error {
	if n.info != (transform.Info{}) {
		return &cache.Remembered{Err: &ImageError{n.info, n.err}}
	}
	return &cache.Remembered{Err: n.err}
}

// recordOutcome remembers how a flight ended, where that is worth a negative entry.
func (t *Store) recordOutcome(f *sourceFlight) {
	src, name := f.Value, f.Value.id
	if IsURLScoped(f.Err) {
		name = src.request.variantOf(src.request.URL)
	}
	n := negativeEntry{err: f.Err, info: src.info}
	var ttl time.Duration
	switch {
	case f.Err == nil && src.meta.NoStore:
		n.exclusive, ttl = true, exclusiveFor
	case f.Err == nil:
		t.negatives.Remove(name)
		return
	default:
		if ttl, n.transient = t.cfg.NegativeTTL(f.Err); ttl == 0 {
			return
		}
	}
	t.negatives.Put(name, negative.Outcome[negativeEntry]{Until: t.cfg.Now().Add(ttl), Seq: f.Seq, Value: n})
}
