package origin

import "time"

// Meta is the metadata of a source: fields of the origin's response.
type Meta struct {
	// ETag, LastModified and ContentType are the origin's, and not checked; empty and
	// zero where it sends none. A local file has only the time of its last change.
	ETag         string
	LastModified time.Time
	ContentType  string
	// Size is the length of the source in bytes.
	Size int64
	// Tags are the names by which the origin wants the source purged, in lower
	// case and in order, with a blank between them.
	Tags string
	// URL is where the source was in the end, by redirects; "" where there were
	// none.
	URL string `json:",omitempty"`
	// Freshness and Tags are those of the source's response merged with those of
	// the redirects before it. Final is what the source's response said by itself,
	// Redirects what they said; both are nil where there was no redirect. Records on
	// disk have them by their names of before.
	Freshness
	Final     *CacheDirectives `json:"Last,omitempty"`
	Redirects *CacheDirectives `json:"Way,omitempty"`
}

// Validators are those of a stored source (RFC 9110 §8.8); zero for none. They are for
// the URL that Meta has: requests for other URLs, to which a redirect may lead, are
// not conditional.
type Validators struct {
	ETag         string
	LastModified time.Time
	URL          string
}
