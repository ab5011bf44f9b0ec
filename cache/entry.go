package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// Key is the full canonical text of what a result is. Two results with equal
// keys are the same result.
type Key string

// variantMark is before the name of the variant that a key is of, and a line feed behind it.
const variantMark = "variant:"

// OfVariant is the key of one of several results that go by the same key. The name has no line feed. Purges by the
// key without a variant name all of them.
func (k Key) OfVariant(name string) Key { return Key(variantMark + name + "\n" + string(k)) }

// IsVariant says whether the key is one of OfVariant. Its results are not shared with other servers: what they depend
// on may be a secret of one client, and the key may have a hash of it.
func (k Key) IsVariant() bool { return k != k.withoutVariant() }

func (k Key) withoutVariant() Key {
	if _, rest, ok := strings.Cut(string(k), "\n"); ok && strings.HasPrefix(string(k), variantMark) {
		return Key(rest)
	}
	return k
}

// Entry is a finished result. It is immutable: many clients read one.
type Entry struct {
	Key Key
	// Body is nil where the bytes are in a file: see Content.
	Body        []byte
	ContentType string
	// ETag is strong and quoted, made by ETag from Body.
	ETag string
	// LastModified is the source's; zero where it is not known.
	LastModified time.Time
	// Stored is when the result was made, or last found to be right, Expires until
	// when it is fresh.
	Stored, Expires time.Time
	// Refresh is from when on a hit has the entry made anew ahead of its end, so
	// that those made together do not end together; zero for never.
	Refresh time.Time
	// StaleWhile and StaleError are for how long after Expires the entry may be
	// served while it is made anew, and where that fails (RFC 5861).
	StaleWhile, StaleError time.Duration
	// Keep is for how long after Expires it is of use at least: it may only need
	// to be found that its source is still the same.
	Keep time.Duration
	// NoStore results answer those who wait for them and are not kept.
	NoStore bool
	// Immutable results have their version in their key.
	Immutable bool
	// Source is the URL that the result was made from, in one spelling for all,
	// and Version tells the bytes that were there.
	Source, Version string
	// Tags are what the result can be purged by, besides.
	Tags []string
	// Seq is the purge clock's before the fetch of the source began.
	Seq uint64
	// Pixels is the version of what makes the pixels; see Config.Pixels. Effort is how long it took.
	Pixels int
	Effort time.Duration
	// Placeholder is a text that goes with the result, in a field of the header of its own; empty for none.
	Placeholder string

	// readState is the part of an entry in the RAM tier that changes; nil elsewhere.
	readState *readState
	// bodyRefs is common to all entries of the same bytes in memory.
	bodyRefs *bodyRefs
	// file has the bytes where Body has not.
	file file
	// renewed: the bytes are those of the entry that is stored. inBucket: the entry was read from the bucket.
	renewed, inBucket bool
	// sharedIn is the mark of the bucket that has the entry as it is here; empty where that is not known.
	sharedIn string
}

// readState has the notes that readers leave at an entry.
type readState struct {
	// validAtSeq is the purge clock's when the entry was last found to be valid.
	validAtSeq atomic.Uint64
	// usedAt is when the lower tiers were last told that it is in use, in Unix
	// seconds.
	usedAt atomic.Int64
	// offered: the bucket was offered the entry.
	offered atomic.Bool
	// inMemory is 1 while the RAM tier has the entry, 2 when it has let go of it.
	inMemory atomic.Int32
}

// file is an open record.
type file interface {
	io.ReaderAt
	// Reader reads all of it, until ctx ends.
	Reader(ctx context.Context) io.Reader
	io.Closer
	Size() int64
}

// ETag is the strong validator of a body (RFC 9110 §8.8.3): 128 bits of its
// SHA-256, so that all replicas agree and no two bodies of one URL share it.
func ETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// Size is the length of the content in bytes.
func (e *Entry) Size() int64 {
	if e.file != nil {
		return e.file.Size()
	}
	return int64(len(e.Body))
}

// Content reads the bytes, until Close.
func (e *Entry) Content() io.ReadSeeker {
	if e.file != nil {
		return io.NewSectionReader(e.file, 0, e.file.Size())
	}
	return bytes.NewReader(e.Body)
}

// contentUntil is Content that ends with ctx.
func (e *Entry) contentUntil(ctx context.Context) io.Reader {
	if e.file != nil {
		return e.file.Reader(ctx)
	}
	return bytes.NewReader(e.Body)
}

// InFile says that the bytes are in a file, and take no memory.
func (e *Entry) InFile() bool { return e.file != nil }

// Close closes the file, if there is one. The caller that got the entry from Get calls it.
func (e *Entry) Close() {
	if e.file != nil {
		_ = e.file.Close() // it was only read
	}
}

// Renew is the entry with the same bytes, found to be still right: the caller
// sets when it was, and for how long it is now. A Fill returns it for the old
// entry that it was given.
func (e *Entry) Renew() *Entry {
	n := e.metadata()
	n.Body, n.bodyRefs = e.Body, e.bodyRefs
	n.renewed, n.inBucket = true, false
	n.sharedIn = ""
	return n
}

// metadata is the entry without its bytes.
func (e *Entry) metadata() *Entry {
	n := *e
	n.Body, n.bodyRefs = nil, nil
	n.file, n.readState = nil, nil
	n.renewed = false
	return &n
}

// purgeScope has the names by which a purge may mean the entry.
func (e *Entry) purgeScope() purge.Scope {
	return purge.Scope{URL: PurgeName(e.Key), Source: e.Source, Hosts: Hosts(e.Source), Tags: e.Tags}
}

// PurgeName is the name of a key in purges: the key itself, without its variant, or, where that is too long
// for the purge log, its digest.
func PurgeName(key Key) string {
	s := string(key.withoutVariant())
	const most = 4 << 10
	if len(s) <= most {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Hosts are the names by which the host of a URL may be purged: with its port
// and, where it has one, without.
func Hosts(source string) []string {
	_, rest, ok := strings.Cut(source, "://")
	if !ok {
		return nil
	}
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	if host == "" {
		return nil
	}
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
		return []string{host, host[:i]}
	}
	return []string{host}
}

// usableUntil is until when an entry is of any use.
func (e *Entry) usableUntil() time.Time {
	return e.Expires.Add(max(e.StaleWhile, e.StaleError, e.Keep))
}

// bodyRefs counts the entries of the RAM tier with the same bytes: one that is
// renewed takes the place of the old one.
type bodyRefs struct{ entries atomic.Int32 }

// Held says whether the RAM tier has the bytes of an entry, and counts them.
func (e *Entry) Held() bool { return e.bodyRefs != nil && e.bodyRefs.entries.Load() > 0 }
