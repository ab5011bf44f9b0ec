package cache

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/cache/objectstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

// header is what a record says of its entry, besides the bytes.
type header struct {
	Key          Key           `json:"key"`
	ContentType  string        `json:"type"`
	ETag         string        `json:"etag"`
	LastModified time.Time     `json:"modified,omitzero"`
	Stored       time.Time     `json:"stored"`
	Expires      time.Time     `json:"expires"`
	Refresh      time.Time     `json:"refresh,omitzero"`
	StaleWhile   time.Duration `json:"stale_while,omitempty"`
	StaleError   time.Duration `json:"stale_error,omitempty"`
	Keep         time.Duration `json:"keep,omitempty"`
	Immutable    bool          `json:"immutable,omitempty"`
	Source       string        `json:"source"`
	Version      string        `json:"version"`
	Tags         []string      `json:"tags,omitempty"`
	Pixels       int           `json:"pixels"`
	Effort       time.Duration `json:"effort,omitempty"`
	// Placeholder is not in records of older servers, and these have no key of a result with one.
	Placeholder string `json:"placeholder,omitempty"`
	// SharedIn counts in a server's own records alone: another server cannot know what this one's bucket has.
	SharedIn string `json:"shared,omitempty"`
	// Seq counts only by the log or bus whose identity is Log, and Mark tells of its message there.
	Seq  uint64 `json:"seq"`
	Log  string `json:"log"`
	Mark uint64 `json:"mark,omitempty"`
}

// errRecord: a header is not one, or of no use here.
var errRecord = errors.New("not a record of an entry")

// otherTypes are the media types of results that are no images: facts and placeholders.
var otherTypes = []string{"application/json", "text/plain"}

// isResultType says whether results are of a media type. No other type comes in from outside, whatever tier it is in.
func isResultType(t string) bool {
	if name, ok := strings.CutPrefix(t, "image/"); ok {
		return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.+-") == ""
	}
	return slices.Contains(otherTypes, t)
}

// maxPlaceholder is the length of the longest placeholder that is kept.
const maxPlaceholder = 64

// isPlaceholder says whether a text can be a placeholder, or is none: it goes out in a field of the header, so that
// nothing else comes in from outside.
func isPlaceholder(text string) bool {
	isOutside := func(r rune) bool { return r <= ' ' || r > '~' }
	return len(text) <= maxPlaceholder && !strings.ContainsFunc(text, isOutside)
}

// Wanted is an entry that other servers may have.
type Wanted struct {
	Key Key
	// Source is what it was made from.
	Source string
	// Bound, unless it is nil, makes what another server says of the entry no more than what this one would.
	Bound func(*Entry)
	// Trace is told of calls of the bucket; nil for those of no request.
	Trace BucketTrace
}

// BucketTrace is told of calls of a bucket.
type BucketTrace = objectstore.Trace

// decode reads a header that another server wrote; seq is this server's sequence of a stamp.
func (w Wanted) decode(b []byte, seq func(purge.Stamp) (uint64, error)) (*Entry, error) {
	e, stamp, err := decodeHeader(b)
	if err != nil || e.Key != w.Key || e.Source != w.Source {
		return nil, ErrForeign
	}
	e.sharedIn = ""
	if e.Seq, err = seq(stamp); err != nil {
		return nil, errors.Join(ErrUnvouched, err)
	}
	if w.Bound != nil {
		w.Bound(e)
	}
	return e, nil
}

// encodeHeader is the inverse of decodeHeader. stamp is that of the entry's sequence.
func encodeHeader(e *Entry, stamp purge.Stamp) ([]byte, error) {
	return json.Marshal(header{
		Key: e.Key, ContentType: e.ContentType, ETag: e.ETag, LastModified: e.LastModified,
		Stored: e.Stored, Expires: e.Expires, Refresh: e.Refresh,
		StaleWhile: e.StaleWhile, StaleError: e.StaleError, Keep: e.Keep, Immutable: e.Immutable,
		Source: e.Source, Version: e.Version, Tags: e.Tags, Pixels: e.Pixels, Effort: e.Effort,
		Placeholder: e.Placeholder, SharedIn: e.sharedIn, Seq: stamp.Seq, Log: stamp.Order, Mark: stamp.Mark,
	})
}

// decodeHeader reads the facts of an entry, and the stamp that its sequence is to be made from.
func decodeHeader(b []byte) (*Entry, purge.Stamp, error) {
	var h header
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, purge.Stamp{}, errRecord
	}
	if !isResultType(h.ContentType) || !isPlaceholder(h.Placeholder) || h.ETag == "" ||
		h.StaleWhile < 0 || h.StaleError < 0 || h.Keep < 0 {
		return nil, purge.Stamp{}, errRecord
	}
	return &Entry{
		Key: h.Key, ContentType: h.ContentType, ETag: h.ETag, LastModified: h.LastModified,
		Stored: h.Stored, Expires: h.Expires, Refresh: h.Refresh,
		StaleWhile: h.StaleWhile, StaleError: h.StaleError, Keep: h.Keep, Immutable: h.Immutable,
		Source: h.Source, Version: h.Version, Tags: h.Tags, Pixels: h.Pixels, Effort: h.Effort,
		Placeholder: h.Placeholder, sharedIn: h.SharedIn,
	}, purge.Stamp{Order: h.Log, Seq: h.Seq, Mark: h.Mark}, nil
}
