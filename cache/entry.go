package cache

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Key is the full canonical text of what a result is. Two results with equal
// keys are the same result.
type Key string

// Entry is a finished result. It is immutable: many clients read one.
type Entry struct {
	Key         Key
	Body        []byte
	ContentType string
	// ETag is strong and quoted, made by ETag from Body.
	ETag string
	// LastModified is the source's; zero where it is not known.
	LastModified time.Time
	// Stored is when the result was made, Expires until when it is fresh.
	Stored, Expires time.Time
	// NoStore results answer those who wait for them and are not kept.
	NoStore bool
	// Immutable results have their version in their key.
	Immutable bool
}

// ETag is the strong validator of a body (RFC 9110 §8.8.3): 128 bits of its
// SHA-256, so that all replicas agree and no two bodies of one URL share it.
func ETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// overhead is what an entry takes besides its body and key: the Entry itself
// with its strings (about 300 bytes), ristretto's two maps and its expiry
// bucket (209 bytes, measured).
const overhead = 512

// Cost is what an entry takes of the heap, in bytes.
func (e *Entry) Cost() int64 { return allocated(len(e.Body)) + allocated(len(e.Key)) + overhead }

// allocated bounds from above what Go's allocator takes for n bytes: up to
// 32 KiB a size class, which wastes at most an eighth; above that whole pages
// of 8 KiB.
func allocated(n int) int64 {
	const page = 8 << 10
	if n <= 32<<10 {
		return int64(n) + int64(n)/8 + 16
	}
	return (int64(n) + page - 1) / page * page
}
