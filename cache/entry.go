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
