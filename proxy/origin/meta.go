package origin

import "time"

// Meta is what an origin says about a source.
type Meta struct {
	// ETag, LastModified and ContentType are the origin's words, checked by
	// nobody; empty and zero where it says nothing. A local file has but the
	// time of its last change.
	ETag         string
	LastModified time.Time
	ContentType  string
	// Size is the bytes written.
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

// Validators are what a source that is there already is known by (RFC 9110
// §8.8); zero for none. They are of what is at one URL, that of Meta: whatever
// else a redirect leads to is not asked about them.
type Validators struct {
	ETag         string
	LastModified time.Time
	URL          string
}
